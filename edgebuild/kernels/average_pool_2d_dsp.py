"""AVERAGE_POOL_2D with the DSP extension: four channels at a time."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, _pool


class AveragePool2DDsp(Variant):
    """Windows of at most 255 inputs, whose sums fit int16."""

    op = "average_pool_2d"
    template = "average_pool_2d/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 650

    def exact(self, node: Node, graph: Graph) -> bool:
        height, width = _pool.window_of(node, graph).kernel
        return height * width <= 255

    def context(self, node: Node, graph: Graph) -> Call:
        return _pool.context(node, graph)

    def instructions(self, node: Node, graph: Graph) -> float:
        height, width = _pool.window_of(node, graph).kernel
        _, rows, columns, channels = graph.output(node).shape
        fours, rest = divmod(channels, 4)
        each = height * (8 * width + 13)
        return rows * columns * (fours * (each + 70) + rest * (18 * height * width + 20) + 40)
