"""ADD on Armv7-M: the form of the cores with DSP, whose saturating shift needs no more than Thumb-2."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _affine
from edgebuild.ops import Call


class AddThumb2(Variant):
    """Operands of one shape whose rescaled sum has an affine form on all pairs of int8."""

    op = "add"
    template = "add/dsp.c.j2"
    features = frozenset({"thumb2"})
    code = 210

    def exact(self, node: Node, graph: Graph) -> bool:
        return _affine.form(node, graph) is not None

    def context(self, node: Node, graph: Graph) -> Call:
        return _affine.call(node, graph, "clamp")

    def instructions(self, node: Node, graph: Graph) -> float:
        return 6.5 * graph.output(node).elements + 40
