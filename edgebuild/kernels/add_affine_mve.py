"""ADD on Helium where the rescaled sum has an affine form on all pairs of int8."""

from __future__ import annotations

from dataclasses import replace

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _affine
from edgebuild.ops import Call


class AddAffineMve(Variant):
    """One multiplication for each operand, and the shift in two steps."""

    op = "add"
    template = "add/mve_affine.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 110

    def exact(self, node: Node, graph: Graph) -> bool:
        found = _affine.form(node, graph)
        # 16 bits are shifted out when int32 is narrowed, the others from int16
        return found is not None and 17 <= found.shift <= 31

    def instructions(self, node: Node, graph: Graph) -> float:
        shape = self.context(node, graph).shape
        elements = graph.output(node).elements
        return 30 + elements // 8 * (16 + shape["clamped"]) + elements % 8 * 14

    def context(self, node: Node, graph: Graph) -> Call:
        call = _affine.call(node, graph, "clamped")
        return replace(call, shape={**call.shape, "tail": int(graph.output(node).elements % 8 > 0)})
