"""FULLY_CONNECTED on Helium for pruned weights of 16 levels: blocks of eight units times four features are skipped."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._int4_mve import Int4Blocks
from edgebuild.kernels._sparse_mve import INPUTS
from edgebuild.kernels.fully_connected_int4_mve import FullyConnectedInt4Mve, Narrow
from edgebuild.kernels.fully_connected_mve import GROUP
from edgebuild.ops import Call


class FullyConnectedSparseInt4Mve(FullyConnectedInt4Mve):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    code = 400

    def exact(self, node: Node, graph: Graph) -> bool:
        found = Narrow.of(node, graph)
        features = found.layer.weights.shape[1]
        if not found.values.narrow or features >= INPUTS * 2**16:
            return False
        return Int4Blocks(found.values, GROUP).bytes <= found.groups * 4 * (-(-features // 16) * 16)

    def scratch(self, node: Node, graph: Graph) -> int:
        features = graph.tensor(node, 1).shape[1]
        return -(-features // INPUTS) * INPUTS if features % INPUTS else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Narrow.of(node, graph)
        rounds = sum(Int4Blocks(found.values, GROUP).rounds)
        return found.instructions((20 + 4 * found.values.split) * rounds)

    def context(self, node: Node, graph: Graph) -> Call:
        found = Narrow.of(node, graph)
        kept = Int4Blocks(found.values, GROUP)
        weights = [kept.packed(index) for index in range(len(kept.stored))]
        return found.call(node.inputs[0], weights, kept.rows.shape[1], {}, kept)
