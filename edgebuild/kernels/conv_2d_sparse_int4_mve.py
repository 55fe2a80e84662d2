"""CONV_2D on Helium for pruned weights of 16 levels: blocks of two channels and four inputs are skipped."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _mve_groups
from edgebuild.kernels._int4_mve import Int4Blocks
from edgebuild.kernels._mve_convolution import TILE
from edgebuild.kernels.conv_2d_int4_mve import Conv2DInt4Mve, Layer
from edgebuild.kernels.conv_2d_sparse_mve import INPUTS_AT_MOST
from edgebuild.ops import Call

_ROUND = 17
"""Instructions that multiply four blocks of two channels by four pixels."""

_SUMS = 8
"""Instructions that take the sums of two channels apart and apply their steps."""


class Conv2DSparseInt4Mve(Conv2DInt4Mve):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    code = 600
    whole = False

    def exact(self, node: Node, graph: Graph) -> bool:
        if not super().exact(node, graph):
            return False
        found = Int4Blocks(Layer.of(node, graph, False).values, 2)
        channels, inputs = found.rows.shape
        return found.bytes <= channels // 2 * (-(-inputs // 16) * 16) and inputs < INPUTS_AT_MOST

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Layer.of(node, graph, False)
        layer, split = found.layer, found.values.split
        rounds = sum(Int4Blocks(found.values, 2).rounds)
        quads = -(-layer.filters // 4) * _mve_groups.quad(layer.output.form, _SUMS - 2 * split)
        tile = (_ROUND + split) * rounds + quads + 15
        return _mve_groups.around(layer, found.windows) + -(-layer.pixels // TILE) * tile

    def context(self, node: Node, graph: Graph) -> Call:
        found = Layer.of(node, graph, False)
        kept = Int4Blocks(found.values, 2)
        return Call(
            operands=(node.inputs[0],),
            scalars=_mve_groups.scalars(found.layer, found.windows, found.layer.output.form),
            arrays={"weights": found.stream([kept.packed(index) for index in range(len(kept.stored))])},
            shape={"sparse": 1, "far": kept.far, **found.shape},
        )
