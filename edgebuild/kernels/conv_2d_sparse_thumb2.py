"""CONV_2D on Armv7-M without DSP for pruned weights: fours of a filter's weights are skipped where they are zero."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _sparse_thumb, _thumb_conv
from edgebuild.kernels._thumb_filters import FOURS
from edgebuild.ops import Call

_FOUR = (22, 26)
"""Instructions of a stored four, by fours and by twos."""


class Conv2DSparseThumb2(Variant):
    """What the dense kernel can do, where the stored fours take no more room than all weights."""

    op = "conv_2d"
    template = "conv_2d/sparse_thumb2.c.j2"
    features = frozenset({"thumb2"})
    compact = True
    skips = (1, 4)
    code = 1250

    def exact(self, node: Node, graph: Graph) -> bool:
        if not _thumb_conv.possible(node, graph):
            return False
        filters = _thumb_conv.filters(node, graph)
        fours = [max(len(kept), 1) for kept in _sparse_thumb.stored(filters)]
        return sum(4 + (5 * four + 3) // 4 * 4 for four in fours) <= filters.weights.size

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        return _thumb_conv.call(node, graph, _sparse_thumb.interleaved(filters), 0, filters.narrow)

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        each = np.where(filters.group == FOURS, *_FOUR)
        fours = np.array([max(len(kept), 1) for kept in _sparse_thumb.stored(filters)])
        geometry = _thumb_conv.window(node, graph)
        gather = 250 + 70 * geometry.kernel[0] + 9.2 * filters.weights.shape[1]
        return float(_thumb_conv.tiles(node, graph) * ((each * fours + 57).sum() + gather))
