"""CONV_2D on Helium for pruned weights: blocks of two channels times four inputs are skipped where they are zero."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._mve_convolution import TILE, Convolution
from edgebuild.kernels._mve_windows import Windows
from edgebuild.kernels._sparse_mve import Blocks, pair_stream
from edgebuild.ops import Call
from edgebuild.ops._window import Window

INPUTS_AT_MOST = 4 * 2**16
"""Inputs of a window, so that two bytes number its words."""

_ROUND = 17
"""Instructions that multiply four blocks of two channels by four pixels."""


@dataclass(frozen=True, eq=False)
class _Sparse:
    """A convolution, its windows and the blocks that it keeps."""

    layer: Convolution
    windows: Windows
    blocks: Blocks

    @classmethod
    def of(cls, node: Node, graph: Graph) -> _Sparse:
        layer = Convolution.of(node, graph)
        return cls(layer, Windows.of(layer), Blocks(layer.rows, 2, 4))


class Conv2DSparseMve(Variant):
    """Any convolution without groups whose stored blocks take no more room than all its weights."""

    op = "conv_2d"
    template = "conv_2d/sparse_mve.c.j2"
    features = frozenset({"mve"})
    compact = True
    skips = (2, 4)
    code = 550
    includes = ("arm_mve.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        blocks = _Sparse.of(node, graph).blocks
        channels, inputs = blocks.rows.shape
        return blocks.bytes <= channels * (-(-inputs // 16) * 16) and inputs < INPUTS_AT_MOST

    def scratch(self, node: Node, graph: Graph) -> int:
        return Windows.of(Convolution.of(node, graph)).scratch

    def instructions(self, node: Node, graph: Graph) -> float:
        sparse = _Sparse.of(node, graph)
        layer, windows, form = sparse.layer, sparse.windows, sparse.layer.output.form
        requantize = 15 + (0, 4, 12)[form.rounding] - 2 * form.wide
        quads = -(-layer.filters // 4)
        tile = _ROUND * sum(sparse.blocks.rounds) + quads * (2 * (requantize + 2) + (4, 3, 9)[form.clamp] + 6) + 15
        window = windows.window
        runs = 1 if window.dilation[1] == 1 else window.kernel[1]
        row = 16 + 3 * -(-window.kernel[1] // runs * layer.channels // 16)
        clipped = 70 + runs * (15 + window.kernel[0] * row)
        whole = 14 + window.kernel[0] * (9 + 5 * _twos(windows)) if _twos(windows) else clipped
        (top, bottom), (left, right) = _inside(window)
        inside = (bottom - top) * (right - left)
        copy = 0 if windows.direct else inside * whole + (layer.pixels - inside) * clipped
        stage = layer.pixels * (14 + 3 * -(-layer.filters // 16)) if windows.staged else 0
        groups = -(-layer.pixels // windows.group)
        return 80 + copy + stage + groups * 70 + -(-layer.pixels // TILE) * tile

    def context(self, node: Node, graph: Graph) -> Call:
        sparse = _Sparse.of(node, graph)
        layer, windows, form = sparse.layer, sparse.windows, sparse.layer.output.form
        window = windows.window
        scalars = {
            "pixels": layer.pixels,
            "channels": layer.filters,
            **layer.output.scalars(form),
            "slot": windows.slot,
            "group": windows.group,
        }
        if not windows.direct or windows.staged:
            scalars |= {"copied": windows.copied, "staged": windows.staged}
        if not windows.direct:
            reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
            scalars |= window.scalars() | {
                "dilation_height": window.dilation[0],
                "dilation_width": window.dilation[1],
                "input_channels": layer.channels,
                "input_zero_point": layer.input_zero_point,
                "reach": window.kernel[0] * window.dilation[0],
                "last_top": window.input[0] - reach[0],
                "last_left": window.input[1] - reach[1],
                "twos": _twos(windows),
                "inside": _inside(window)[1][0],
                "inside_end": _inside(window)[1][1] if _twos(windows) else 0,
            }
            del scalars["output_height"]
        shape = {"windows": int(not windows.direct), "staged": int(windows.staged > 0), "far": sparse.blocks.far}
        return Call(
            operands=(node.inputs[0],),
            scalars=scalars,
            arrays={"weights": pair_stream(sparse.blocks, layer.output, form)},
            shape={**shape, **form.shape},
        )


def _twos(windows: Windows) -> int:
    """Twos of vectors in a kernel row, if it is a number of them in one piece, else 0."""
    length = windows.window.kernel[1] * windows.channels
    return 0 if length % 32 or windows.window.dilation[1] > 1 else length // 32


def _inside(window: Window) -> list[tuple[int, int]]:
    """First and end row, and first and end column, of the windows that lie inside the image."""
    spans = []
    axes = (window.input, window.kernel, window.stride, window.dilation, window.before, window.output)
    for size, kernel, stride, dilation, before, output in zip(*axes, strict=True):
        first, last = -(-before // stride), (size - (kernel - 1) * dilation - 1 + before) // stride
        spans.append((first, max(min(last + 1, output), first)))
    return spans
