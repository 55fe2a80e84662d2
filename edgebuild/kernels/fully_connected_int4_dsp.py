"""FULLY_CONNECTED with the DSP extension, for weights of 16 levels, decoded where they are multiplied."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._int4_dsp_dense import Int4Dense
from edgebuild.ops import Call


class FullyConnectedInt4Dsp(Variant):
    """Four units at a time; an input that is no whole eights is copied first."""

    op = "fully_connected"
    template = "fully_connected/int4_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    code = 1000
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        return self._of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        return self._of(node, graph).call(node.inputs[0])

    def scratch(self, node: Node, graph: Graph) -> int:
        found = self._of(node, graph)
        return found.padded if found.copied else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        return self._of(node, graph).instructions()

    def _of(self, node: Node, graph: Graph) -> Int4Dense:
        return Int4Dense.whole(node, graph)
