"""FULLY_CONNECTED with the DSP extension, for pruned weights of 16 levels: blocks of zeros are skipped."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._int4_dsp_dense import Int4Dense
from edgebuild.kernels.fully_connected_int4_dsp import FullyConnectedInt4Dsp


class FullyConnectedSparseInt4Dsp(FullyConnectedInt4Dsp):
    """The same with skipped blocks of four units times four or two inputs, where they take no more room than all."""

    code = 500

    def exact(self, node: Node, graph: Graph) -> bool:
        found = self._of(node, graph)
        return found.exact and found.bytes <= found.values.size // 2

    def _of(self, node: Node, graph: Graph) -> Int4Dense:
        return Int4Dense.sparse(node, graph)
