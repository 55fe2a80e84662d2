"""CONV_2D with the DSP extension for pruned weights: zero blocks of two filters times four inputs are skipped."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._sparse_dsp_conv import SparseConvolution
from edgebuild.ops import Call

_BLOCK = 21
"""Instructions of a stored block, for three pixels."""


class Conv2DSparseDsp(Variant):
    """Any convolution without groups whose requantization has a fast form."""

    op = "conv_2d"
    template = "conv_2d/sparse_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    skips = (2, 4)
    code = 1900
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        return SparseConvolution.of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        sparse = SparseConvolution.of(node, graph)
        call = sparse.call
        weights, skips = sparse.packed()
        return Call(call.operands, call.scalars, {"weights": weights, "skips": skips}, call.shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        return SparseConvolution.of(node, graph).dense.scratch()

    def instructions(self, node: Node, graph: Graph) -> float:
        sparse = SparseConvolution.of(node, graph)
        return sparse.instructions(_BLOCK, 1, sparse.stored)
