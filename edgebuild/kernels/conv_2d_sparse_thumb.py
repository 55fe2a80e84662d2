"""CONV_2D on Armv6-M for pruned weights: fours of a filter's weights are skipped where they are zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _sparse_thumb, _thumb_conv
from edgebuild.kernels._thumb_filters import FOURS
from edgebuild.kernels._thumb_requantization import shorten
from edgebuild.ops import Call

_FOUR = (41, 47)
"""Instructions of a stored four, by fours and by twos."""


class Conv2DSparseThumb(Variant):
    """What the dense kernel can do, where the stored fours take no more room than all weights."""

    op = "conv_2d"
    template = "conv_2d/sparse_thumb.c.j2"
    features = frozenset({"thumb"})
    compact = True
    skips = (1, 4)
    code = 1500

    def exact(self, node: Node, graph: Graph) -> bool:
        if not _thumb_conv.possible(node, graph):
            return False
        filters = _thumb_conv.filters(node, graph)
        return 5 * sum(map(len, _sparse_thumb.stored(filters))) + len(filters.bias) + 3 <= filters.weights.size

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        stream, words = _sparse_thumb.packed(filters, shorten(filters))
        call = _thumb_conv.call(node, graph, stream, 0, filters.narrow)
        return replace(call, scalars={**call.scalars, "stream_words": words})

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        each = np.where(filters.group == FOURS, *_FOUR)
        fours = np.array([len(kept) for kept in _sparse_thumb.stored(filters)])
        outputs = np.where(shorten(filters).exact, 97, 149)
        geometry = _thumb_conv.window(node, graph)
        gather = 340 + 90 * geometry.kernel[0] + 12.5 * filters.weights.shape[1]
        return float(_thumb_conv.tiles(node, graph) * ((each * fours + outputs).sum() + gather))
