"""CONV_2D with the DSP extension, for 16 levels pruned in blocks of four filters times two inputs."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._int4_dsp_narrow import NarrowBlocks
from edgebuild.kernels.conv_2d_int4_dsp import Conv2DInt4Dsp
from edgebuild.ops import Call

_WORD = 27
"""Instructions of two stored blocks and two filters, for three pixels."""

_WIDEN = 9
"""Instructions that four inputs of three pixels take more to be widened in this order."""


class Conv2DNarrowInt4Dsp(Conv2DInt4Dsp):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    dense = False
    code = 1900

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        found = NarrowBlocks.of(node, graph)
        return found.whole.exact and found.bytes <= 2 * len(found.whole.stored) * found.values.shape[1]

    def context(self, node: Node, graph: Graph) -> Call:
        found = NarrowBlocks.of(node, graph)
        call = found.whole.sparse.call
        return Call(call.operands, call.scalars, found.packed(), {**call.shape, "sparse": 2})

    def instructions(self, node: Node, graph: Graph) -> float:
        found = NarrowBlocks.of(node, graph)
        sparse = found.whole.sparse
        pixels = sparse.dense.window.output[0] * sparse.dense.window.output[1]
        return sparse.instructions(_WORD, 27, found.words) + _WIDEN * len(sparse.order) / 2 * pixels / 3
