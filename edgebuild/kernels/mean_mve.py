"""MEAN on Helium, where what is kept lies side by side."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, mean


class MeanMve(Variant):
    """Four sums at a time."""

    op = "mean"
    template = "mean/mve.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 400

    def exact(self, node: Node, graph: Graph) -> bool:
        return -31 <= mean.context(node, graph).scalars["shift"] <= 0

    def instructions(self, node: Node, graph: Graph) -> float:
        p = mean.context(node, graph).scalars
        return 30 + p["outer"] * (5 + -(-p["inner"] // 4) * (33 + 5 * p["count"]))

    def context(self, node: Node, graph: Graph) -> Call:
        return mean.context(node, graph)
