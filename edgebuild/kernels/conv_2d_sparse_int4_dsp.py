"""CONV_2D with the DSP extension, for pruned weights of 16 levels: zeros are skipped, the rest takes four bits."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._sparse_dsp_conv import SparseConvolution
from edgebuild.kernels.conv_2d_int4_dsp import Conv2DInt4Dsp

_BLOCK = 25
"""Instructions of a stored block, for three pixels."""


class Conv2DSparseInt4Dsp(Conv2DInt4Dsp):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    dense = False
    code = 1900

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        found = self._of(node, graph)
        return found.exact and found.bytes <= 4 * len(found.stored) * found.quads.shape[1]

    def instructions(self, node: Node, graph: Graph) -> float:
        sparse = SparseConvolution.of(node, graph)
        return sparse.instructions(_BLOCK, 20, sparse.stored)
