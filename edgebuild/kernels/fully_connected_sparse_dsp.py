"""FULLY_CONNECTED with the DSP extension for pruned weights: zero blocks of units times four inputs are skipped."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._sparse_dsp_dense import SparseDense
from edgebuild.ops import Call


class FullyConnectedSparseDsp(Variant):
    """Four or two units at a time, whichever the weights favour; an input that is no whole words is copied first."""

    op = "fully_connected"
    template = "fully_connected/sparse_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    skips = (4, 4)
    code = 500
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 1).shape[0] > 1 and SparseDense.of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        return SparseDense.of(node, graph).call(node.inputs[0])

    def scratch(self, node: Node, graph: Graph) -> int:
        features = graph.tensor(node, 1).shape[1]
        return -(-features // 4) * 4 if features % 4 else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        return SparseDense.of(node, graph).instructions()
