"""Convolution with larger kernels on Helium: tiles of 4 pixels x 2 channels straight from the rows of the image."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._mve_convolution import TILE, Convolution, total_macs
from edgebuild.kernels._mve_output import Form, join, pair_stream
from edgebuild.kernels._parts import neighbours
from edgebuild.ops import Call

REACH = 508
"""Bytes that a vector load reaches on either side of its base."""

UNROLLED = 9
"""Vectors of a filter's weights up to which the loop over kernel rows is unrolled."""

SHARE = 0.03
"""Share of a model's work from which a kind of convolution gets a loop of its own."""

WORTH = 0.02
"""Share of a model's work that a kilobyte of code must save: a loop of its own for an output form has to."""


class Conv2DRowsMve(Variant):
    """Neighbouring pixels share columns: a kernel row of three taps takes 6 loads of inputs and 6 of weights for 24
    products of 16.  Input rows stay as they are until their output row is done, so that a row may end in a tile that
    begins early.  All layers of a model share the C function, which holds a loop for each kind of kernel.
    """

    op = "conv_2d"
    template = "conv_2d/mve_rows.c.j2"
    features = frozenset({"mve"})

    def exact(self, node: Node, graph: Graph) -> bool:
        whole = neighbours(node, graph)
        return _fits(node, graph) and sum(c.macs for c in _alike(*whole)) >= SHARE * total_macs(whole[1])

    def scratch(self, node: Node, graph: Graph) -> int:
        c = Convolution.of(node, graph)
        return c.window.kernel[0] * _span(c) * c.channels

    def instructions(self, node: Node, graph: Graph) -> float:
        c = Convolution.of(node, graph)
        w = c.window
        height = w.kernel[0]
        across = -(-w.output[1] // TILE)
        tile = (
            _pair_instructions(c, _form(*neighbours(node, graph))) * (c.filters // 2)
            + 15
            + height * (3 if _looped(c) else 1)
        )
        edge = 70 + height * (30 + 6 * _span(c) * c.channels // 16)
        edges = min(2, across) * w.output[0] + 2 * w.before[0] * max(0, across - 2) // w.stride[0]
        return w.output[0] * (60 + across * tile) + edges * edge

    def context(self, node: Node, graph: Graph) -> Call:
        c = Convolution.of(node, graph)
        window, form = c.window, _form(*neighbours(node, graph))
        height, taps = window.kernel
        stride = window.stride[1]
        order = sorted(range(taps), key=lambda tap: (tap % stride, tap))
        vectors = c.weights.reshape(c.filters, height, taps, c.channels // 16, 16)[:, :, order]
        rows = vectors.transpose(0, 1, 3, 2, 4).reshape(c.filters, -1)
        tiles = self._tiles(*neighbours(node, graph))
        return Call(
            operands=(node.inputs[0],),
            scalars={
                **{k: v for k, v in window.scalars().items() if k != "kernel_width"},
                "dilation_height": window.dilation[0],
                "span": _span(c),
                "centre": _centre(c),
                "input_channels": c.channels,
                "input_zero_point": c.input_zero_point,
                "channels": c.filters,
                "tile": tiles.index(_digits(*neighbours(node, graph))),
                **c.output.scalars(form),
            },
            arrays={"weights": pair_stream(rows, c.output, form)},
            shape={"tiles": int("".join(tiles)), "most_rows": max(int(digits[1:3]) for digits in tiles)},
        )

    def _tiles(self, node: Node, graph: Graph) -> list[str]:
        """The loops of the function that ``node`` calls."""
        others = (n for n in graph.nodes if n is not node and self._likely(n, graph))
        return sorted({_digits(node, graph), *(_digits(n, graph) for n in others)})

    def _likely(self, node: Node, graph: Graph) -> bool:
        """Whether another kernel for these CPUs would hardly be chosen for ``node``."""
        return node.op == "conv_2d" and self.exact(node, graph) and Convolution.of(node, graph).window.kernel != (1, 1)


def _fits(node: Node, graph: Graph) -> bool:
    """Whether the kernel can compute ``node``."""
    if node.op != "conv_2d" or graph.tensor(node, 1).data is None:
        return False
    c = Convolution.of(node, graph)
    return (
        c.groups == 1
        and c.channels % 16 == 0
        and c.channels <= 9 * 16
        and c.filters % 2 == 0
        and c.window.dilation[1] == 1
        and max(c.window.kernel) < 100
        and c.window.stride[1] < 10
        and c.window.output[1] >= TILE
        and _centre(c) <= REACH
    )


def _alike(node: Node, graph: Graph) -> list[Convolution]:
    """The convolutions of the kind of ``node``, itself included."""
    own = _kind(Convolution.of(node, graph))
    fitting = (Convolution.of(n, graph) for n in graph.nodes if n is node or _fits(n, graph))
    return [c for c in fitting if _kind(c) == own]


def _kind(c: Convolution) -> str:
    """What the loop over a tile is specialised for, but for its form, as the template reads it."""
    height, taps = c.window.kernel
    return f"{c.channels // 16}{height:02}{taps:02}{c.window.stride[1]}"


def _form(node: Node, graph: Graph) -> Form:
    """The form of the node's loop: its own, or one for all its kind where a loop of its own saves too little."""
    own = Convolution.of(node, graph)
    alike = _alike(node, graph)
    form, joint = own.output.form, join([c.output for c in alike])
    quick, slow = _pair_instructions(own, form), _pair_instructions(own, joint)
    work = sum(c.macs for c in alike if c.output.form == form) / total_macs(graph)
    code = 4 * quick if not _looped(own) else 4 * quick / own.window.kernel[0]
    return form if (slow / quick - 1) * work >= WORTH * code / 1024 else joint


def _digits(node: Node, graph: Graph) -> str:
    """Kind and form."""
    form = _form(node, graph)
    return f"{_kind(Convolution.of(node, graph))}{form.rounding}{form.clamp}{form.wide}"


def _pair_instructions(c: Convolution, form: Form) -> float:
    """Executed instructions of a pair of channels of a tile."""
    height, taps = c.window.kernel
    classes = len({tap % c.window.stride[1] for tap in range(taps)})
    products = height * c.channels // 16 * (3 * classes + 11 * taps) + (3 * height + 2 if _looped(c) else 0)
    return products + 17 + (0, 4, 14)[form.rounding] - 2 * form.wide + (9, 8, 14)[form.clamp]


def _span(c: Convolution) -> int:
    """Columns that a tile reads."""
    return (TILE - 1) * c.window.stride[1] + c.window.kernel[1]


def _centre(c: Convolution) -> int:
    """Bytes by which the base of a row's loads lies behind its first column, so that loads reach all columns."""
    return max(0, -(-(_span(c) * c.channels - 16 - REACH) // 4) * 4)


def _looped(c: Convolution) -> bool:
    """Whether a loop runs over the kernel's rows."""
    height, taps = c.window.kernel
    return height > 3 or height * taps * c.channels // 16 > UNROLLED
