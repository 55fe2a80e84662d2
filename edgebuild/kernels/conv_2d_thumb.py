"""CONV_2D on Armv6-M: two pixels a product, no 64-bit arithmetic."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_conv
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels._thumb_requantization import packed, shorten
from edgebuild.ops import Call

UNROLLED = 3
"""Fours of weights in a turn of the inner loops."""
_QUAD = (39.7, 33.7, 37.0)
"""Instructions for four taps by twos, fours and threes."""


class Conv2DThumb(Variant):
    """Any convolution with one group whose weights, biases and shifts the packed pairs can hold."""

    op = "conv_2d"
    template = "conv_2d/thumb.c.j2"
    features = frozenset({"thumb"})
    code = 1950

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_conv.possible(node, graph)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        entry = -(filters.weights.shape[1] // 4) % UNROLLED
        return _thumb_conv.call(node, graph, self.stream(filters), entry, filters.narrow)

    def short(self, filters: Filters) -> np.ndarray:
        """Which filters take the short requantization."""
        return shorten(filters).exact

    def stream(self, filters: Filters) -> np.ndarray:
        """What the code reads, filter after filter."""
        return packed(filters, shorten(filters))

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        words = filters.weights.shape[1] / 4
        each = np.array(_QUAD)[filters.group] * words + np.where(self.short(filters), 90, 142)
        geometry = _thumb_conv.window(node, graph)
        gather = 340 + 90 * geometry.kernel[0] + 12.5 * filters.weights.shape[1]
        return float(_thumb_conv.tiles(node, graph) * (each.sum() + gather))
