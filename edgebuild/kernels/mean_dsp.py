"""MEAN with the DSP extension: four elements at a time, where the reduced axes are not the last."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, mean


class MeanDsp(Variant):
    """At least four elements behind the reduced axes."""

    op = "mean"
    template = "mean/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 300

    def exact(self, node: Node, graph: Graph) -> bool:
        return int(mean.context(node, graph).scalars["inner"]) >= 4

    def context(self, node: Node, graph: Graph) -> Call:
        return mean.context(node, graph)

    def instructions(self, node: Node, graph: Graph) -> float:
        outer, count, inner = (int(mean.context(node, graph).scalars[n]) for n in ("outer", "count", "inner"))
        return outer * (-(-inner // 4) * (7 * count + 150) + 20)
