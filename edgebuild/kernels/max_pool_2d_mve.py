"""Maximum pooling on Helium."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, _pool


class MaxPool2DMve(Variant):
    """16 channels at a time; the last vector of a pixel is predicated."""

    op = "max_pool_2d"
    template = "max_pool_2d/mve.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 300

    def instructions(self, node: Node, graph: Graph) -> float:
        window = _pool.window_of(node, graph)
        pixels = window.output[0] * window.output[1]
        vectors = -(-graph.output(node).shape[3] // 16)
        return 40 + pixels * (30 + vectors * (18 + window.kernel[0] * (6 + 5 * window.kernel[1])))

    def context(self, node: Node, graph: Graph) -> Call:
        portable = _pool.context(node, graph)
        limits = portable.scalars["output_min"], portable.scalars["output_max"]
        return Call(portable.operands, portable.scalars, shape={"clamped": int(limits != (-128, 127))})
