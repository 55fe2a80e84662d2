"""MAX_POOL_2D with the DSP extension: four channels at a time."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_channels import words
from edgebuild.ops import Call, _pool

EACH_BYTE = 0x01010101
UNROLLED = 3
"""Columns of a window that are written out, at most."""


class MaxPool2DDsp(Variant):
    """At least four channels."""

    op = "max_pool_2d"
    template = "max_pool_2d/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 300

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.output(node).shape[3] >= 4

    def context(self, node: Node, graph: Graph) -> Call:
        portable = _pool.context(node, graph)
        scalars = dict(portable.scalars)
        low, high = int(scalars.pop("output_min")), int(scalars.pop("output_max"))
        scalars["lowest"] = int(words((low & 0xFF) * EACH_BYTE))
        if high < 127:
            scalars["highest"] = int(words((high & 0xFF) * EACH_BYTE))
        width = _pool.window_of(node, graph).kernel[1]
        return Call(
            portable.operands, scalars, {}, {"width": width if width <= UNROLLED else 0, "clamp": int(high < 127)}
        )

    def instructions(self, node: Node, graph: Graph) -> float:
        height, width = _pool.window_of(node, graph).kernel
        _, rows, columns, channels = graph.output(node).shape
        return rows * columns * (-(-channels // 4) * (height * (4 * width + 9) + 20) + 40)
