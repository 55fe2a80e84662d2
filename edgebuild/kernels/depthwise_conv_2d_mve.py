"""Depthwise convolution on Helium, 16 channels at a time in the input's own layout: any kernel, stride, dilation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._mve_output import Form, Output
from edgebuild.kernels._mve_windows import turned
from edgebuild.kernels._parts import neighbours
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window

VECTOR = 16
"""Channels in a vector."""

REGISTERS = 9
"""Taps whose addresses stay in registers."""

LANES = np.array([lane * 4 + part for part in (0, 2, 1, 3) for lane in range(4)])
"""Channels of a block in the order of the four vectors of sums."""


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A DEPTHWISE_CONV_2D node.

    Attributes:
        weights: ``(taps, channels)``.
    """

    window: Window
    channels: int
    weights: np.ndarray
    output: Output
    input_zero_point: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Depthwise:
        """The numbers of ``node``."""
        source, weight, bias = graph.tensor(node, 0), graph.tensor(node, 1), graph.optional(node, 2)
        assert weight.data is not None
        _, height, width, channels = weight.shape
        taps = weight.data.reshape(height * width, channels)
        requantization = Requantization.of(node, graph, channels)
        folded = bias_or_zeros(bias.data if bias else None, channels)
        output = Output.of(requantization, folded, taps.sum(axis=0, dtype=np.int64), source.zero_point)
        window = Window.of(node, graph, (height, width))
        if window.input[1] == width == window.output[1] == 1:
            window = turned(window)
        return cls(window, source.shape[3], taps, output, source.zero_point)

    @property
    def multiplier(self) -> int:
        """Filters per input channel."""
        return self.weights.shape[1] // self.channels

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return len(self.weights)

    @property
    def listed(self) -> bool:
        """Whether the addresses of taps are read from a list."""
        return self.taps > REGISTERS

    @property
    def together(self) -> int:
        """Neighbouring pixels that a vector holds."""
        fit = self.channels < VECTOR and VECTOR % self.channels == 0 and self.window.stride[1] == 1
        return VECTOR // self.channels if fit else 1

    @property
    def paired(self) -> bool:
        """Whether int16 holds the products of taps 2n and 2n + 1 in every channel: not if both weights are -128."""
        pairs = self.weights[: self.taps // 2 * 2].reshape(-1, 2, self.weights.shape[1])
        return not (pairs == -128).all(axis=1).any()

    def inside(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and end output row, and column, whose windows lie inside the image."""
        w = self.window
        found = []
        for size, k, s, d, before, output in zip(
            w.input, w.kernel, w.stride, w.dilation, w.before, w.output, strict=True
        ):
            end = min(output, (size - (k - 1) * d - 1 + before) // s + 1)
            found.append((-(-before // s), max(end, 0)))
        return found[0], found[1]


class DepthwiseConv2DMve(Variant):
    """No scratch memory but a pixel of zero points, no transposition; pixels are finished one after the other."""

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/mve.c.j2"
    features = frozenset({"mve"})
    code = 1300

    def exact(self, node: Node, graph: Graph) -> bool:
        d = Depthwise.of(node, graph)
        return d.multiplier == 1 and (d.paired or not d.listed)

    def scratch(self, node: Node, graph: Graph) -> int:
        d = Depthwise.of(node, graph)
        return _outside(d) + (4 * (d.taps + 1) if d.listed else 0)

    def instructions(self, node: Node, graph: Graph) -> float:
        d = Depthwise.of(node, graph)
        (top, bottom), (left, right) = d.inside()
        height, width = d.window.output
        narrow = d.channels < VECTOR
        blocks = -(-d.channels // VECTOR)
        groups = -(-d.taps // 2) if d.paired else d.taps
        products = 4 * groups + 7 * (d.taps - groups) + 8 * groups - 4 + narrow * (2 * d.taps - groups)
        if d.listed:
            products = 4 + 24 * groups + narrow * 3 * groups
        requantize = 24 + (0, 5, 20)[d.output.form.rounding] + (9, 8, 15)[d.output.form.clamp] + narrow
        ragged = 9 + d.taps if d.channels % VECTOR and not narrow else 0
        moved = 0 if d.window.stride[1] == 1 and not narrow else 3 + d.taps
        pixel = blocks * (products + requantize + 2) + 6 + ragged + moved
        runs = max(bottom - top, 0) if right > left else 0
        inside = runs * max(right - left, 0)
        single = height * width - inside
        setup = 75 + 6 * d.taps
        return 60 + (runs + single) * setup + pixel * (single + inside / d.together)

    def context(self, node: Node, graph: Graph) -> Call:
        d = Depthwise.of(node, graph)
        (top, bottom), (left, right) = d.inside()
        narrow, stride, kernel = d.channels < VECTOR, d.window.stride[1], d.window.kernel
        scalars = {k: v for k, v in d.window.scalars().items() if not k.startswith(("kernel", "input"))}
        return Call(
            operands=(node.inputs[0],),
            scalars={
                **scalars,
                "input_height": d.window.input[0],
                "input_width": d.window.input[1],
                **({"kernel_height": kernel[0], "kernel_width": kernel[1]} if d.listed else {}),
                "dilation_height": d.window.dilation[0],
                "dilation_width": d.window.dilation[1],
                "top": top,
                "bottom": bottom if right > left else 0,
                "left": left,
                "right": right,
                "channels": d.channels,
                "blocks": max(d.channels // VECTOR, 1),
                "back": 0 if narrow else -d.channels % VECTOR,
                "skip": stride * d.channels - (VECTOR if narrow else d.channels),
                "together": d.together,
                "outside": _outside(d),
                "taps": d.taps,
                "input_zero_point": d.input_zero_point,
                **d.output.scalars(d.output.form),
            },
            arrays={"weights": stream(d, d.output.form)},
            shape=_shape(node, graph),
        )


def _own_shape(d: Depthwise) -> dict[str, int]:
    """Template constants for one layer."""
    return {
        "listed": int(d.listed),
        **({} if d.listed else {"taps": d.taps, "kernel_height": d.window.kernel[0]}),
        "paired": int(d.paired),
        "narrow": int(d.channels < VECTOR),
        **d.output.form.shape,
        "ragged": int(d.channels > VECTOR and d.channels % VECTOR > 0),
        "moved": int(d.channels >= VECTOR and d.window.stride[1] > 1),
    }


def _shape(node: Node, graph: Graph) -> dict[str, int]:
    """Template constants for the layers that share a function: what some of them need, all get."""
    own = _own_shape(Depthwise.of(node, graph))
    node, graph = neighbours(node, graph)
    for other in graph.nodes:
        if other.op == DepthwiseConv2DMve.op and other is not node and DepthwiseConv2DMve().exact(other, graph):
            theirs = _own_shape(Depthwise.of(other, graph))
            if all(own[key] == theirs.get(key) for key in own if key not in ("ragged", "moved", "narrow")):
                narrow = own["narrow"] if own["narrow"] == theirs["narrow"] else 2
                own = {key: max(own[key], theirs[key]) for key in own} | {"narrow": narrow}
    return own


def _outside(d: Depthwise) -> int:
    """Bytes of a pixel of zero points, as far as vectors read."""
    return -(-d.channels // VECTOR) * VECTOR


def stream(d: Depthwise, form: Form) -> np.ndarray:
    """Per block of 16 channels the weights of each tap, then what requantizes the channels."""
    taps = np.pad(d.weights, [(0, d.taps % 2 if d.listed else 0), (0, 0)])
    parts = []
    for first in _blocks(d.channels):
        channels = (first + np.arange(VECTOR)) % d.channels
        parts.append(taps[:, channels].tobytes())
        parts.append(d.output.lanes(channels[LANES].reshape(4, 4), form))
    return np.frombuffer(b"".join(parts), np.int8)


def _blocks(channels: int) -> list[int]:
    """First channel of each block; the last block begins early where channels are no multiple of 16."""
    starts = list(range(0, channels - VECTOR + 1, VECTOR)) or [0]
    if channels > VECTOR and channels % VECTOR:
        starts.append(channels - VECTOR)
    return starts
