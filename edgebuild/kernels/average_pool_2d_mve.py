"""Average pooling on Helium."""

from __future__ import annotations

import math

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, _pool

NARROW = 255
"""Elements of a window whose sum int16 holds."""

LARGEST = 5000
"""Elements of a window up to which dividing by a reciprocal of 32 bits is exact: below sqrt(2^32 / 129)."""


class AveragePool2DMve(Variant):
    """Sums are int16 where the window is small enough, and divided by multiplying with a rounded-up reciprocal."""

    op = "average_pool_2d"
    template = "average_pool_2d/mve.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 460

    def exact(self, node: Node, graph: Graph) -> bool:
        return math.prod(_pool.window_of(node, graph).kernel) <= LARGEST

    def instructions(self, node: Node, graph: Graph) -> float:
        window = _pool.window_of(node, graph)
        pixels = window.output[0] * window.output[1]
        wide = math.prod(window.kernel) > NARROW
        vectors = -(-graph.output(node).shape[3] // (4 if wide else 8))
        return 40 + pixels * (40 + vectors * (43 + window.kernel[0] * (8 + 5 * window.kernel[1])))

    def context(self, node: Node, graph: Graph) -> Call:
        portable = _pool.context(node, graph)
        limits = portable.scalars["output_min"], portable.scalars["output_max"]
        wide = math.prod(_pool.window_of(node, graph).kernel) > NARROW
        shape = {"wide": int(wide), "clamped": int(limits != (-128, 127))}
        return Call(portable.operands, portable.scalars, shape=shape)
