"""ADD on any CPU: two multiplications, a shift and a clamp an element, in plain C."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _affine
from edgebuild.ops import Call


class AddAffine(Variant):
    """Operands of one shape whose rescaled sum has an affine form on all pairs of int8."""

    op = "add"
    template = "add/affine.c.j2"
    code = 90

    def exact(self, node: Node, graph: Graph) -> bool:
        return _affine.form(node, graph) is not None

    def context(self, node: Node, graph: Graph) -> Call:
        return _affine.call(node, graph, "narrow")

    def instructions(self, node: Node, graph: Graph) -> float:
        return 18.0 * graph.output(node).elements + 40
