"""CONV_2D on Helium for pruned weights: blocks of two channels times four inputs are skipped where they are zero."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _mve_groups
from edgebuild.kernels._mve_convolution import TILE, Convolution
from edgebuild.kernels._mve_windows import Windows
from edgebuild.kernels._sparse_mve import AT_ONCE, Blocks, pair_stream
from edgebuild.ops import Call

INPUTS_AT_MOST = 4 * 2**16
"""Inputs of a window, so that two bytes number its words."""

_ROUND = 17
"""Instructions that multiply four blocks of two channels by four pixels."""


@dataclass(frozen=True, eq=False)
class _Sparse:
    """A convolution, its windows and the blocks that it keeps."""

    layer: Convolution
    windows: Windows
    blocks: Blocks

    @classmethod
    def of(cls, node: Node, graph: Graph) -> _Sparse:
        layer = Convolution.of(node, graph)
        return cls(layer, Windows.of(layer), Blocks(layer.rows, 2, 4))


class Conv2DSparseMve(Variant):
    """Any convolution without groups whose stored blocks take no more room than all its weights."""

    op = "conv_2d"
    template = "conv_2d/sparse_mve.c.j2"
    features = frozenset({"mve"})
    compact = True
    skips = (2, 4)
    at_once = AT_ONCE
    code = 550
    includes = ("arm_mve.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        blocks = _Sparse.of(node, graph).blocks
        channels, inputs = blocks.rows.shape
        return blocks.bytes <= channels * (-(-inputs // 16) * 16) and inputs < INPUTS_AT_MOST

    def scratch(self, node: Node, graph: Graph) -> int:
        return Windows.of(Convolution.of(node, graph)).scratch

    def instructions(self, node: Node, graph: Graph) -> float:
        sparse = _Sparse.of(node, graph)
        layer, form = sparse.layer, sparse.layer.output.form
        tile = _ROUND * sum(sparse.blocks.rounds) + -(-layer.filters // 4) * _mve_groups.quad(form) + 15
        return _mve_groups.around(layer, sparse.windows) + -(-layer.pixels // TILE) * tile

    def context(self, node: Node, graph: Graph) -> Call:
        sparse = _Sparse.of(node, graph)
        layer, windows, form = sparse.layer, sparse.windows, sparse.layer.output.form
        shape = {"windows": int(not windows.direct), "staged": int(windows.staged > 0), "far": sparse.blocks.far}
        return Call(
            operands=(node.inputs[0],),
            scalars=_mve_groups.scalars(layer, windows, form),
            arrays={"weights": pair_stream(sparse.blocks, layer.output, form)},
            shape={**shape, **form.shape},
        )
