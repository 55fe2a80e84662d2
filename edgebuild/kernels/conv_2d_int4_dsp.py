"""CONV_2D with the DSP extension, for weights of 16 levels: four bits each, decoded where they are multiplied."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._int4_dsp import Int4Convolution
from edgebuild.kernels._sparse_dsp_conv import SparseConvolution
from edgebuild.ops import Call

_BLOCK = 18.75
"""Instructions of four inputs and two filters, for three pixels."""


class Conv2DInt4Dsp(Variant):
    """Any convolution without groups whose filters have 16 levels each."""

    op = "conv_2d"
    template = "conv_2d/int4_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    code = 2600
    includes = ("string.h",)
    dense = True

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 1).shape[3] == graph.tensor(node, 0).shape[3] and self._of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        found = self._of(node, graph)
        call = found.sparse.call
        shape = {**call.shape, "sparse": int(not self.dense)}
        return Call(call.operands, call.scalars, found.packed(), shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        sparse = SparseConvolution.of(node, graph)
        # an odd number of blocks is made even; what lies behind the windows meets weights of zero
        spare = 24 if self.dense and len(sparse.order) // 2 % 2 else 0
        return max(sparse.dense.scratch(), 12 * len(sparse.order) + spare)

    def instructions(self, node: Node, graph: Graph) -> float:
        sparse = SparseConvolution.of(node, graph)
        blocks = len(sparse.order) // 2
        return sparse.instructions(_BLOCK, 18 + 10 * blocks / len(sparse.blocks), len(sparse.blocks) * blocks)

    def _of(self, node: Node, graph: Graph) -> Int4Convolution:
        return Int4Convolution(SparseConvolution.of(node, graph), self.dense)
