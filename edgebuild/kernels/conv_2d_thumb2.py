"""CONV_2D on Armv7-M without DSP: two pixels a product."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_conv
from edgebuild.kernels._thumb_requantization import doubled
from edgebuild.ops import Call

UNROLLED = 4
"""Fours of weights in a turn of the inner loops."""
_QUAD = (22.75, 18.75, 20.75)
"""Instructions for four taps by twos, fours and threes."""


class Conv2DThumb2(Variant):
    """Any convolution with one group whose weights, biases and shifts the packed pairs can hold."""

    op = "conv_2d"
    template = "conv_2d/thumb2.c.j2"
    features = frozenset({"thumb2"})
    code = 2150

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_conv.possible(node, graph)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        entry = -(filters.weights.shape[1] // 4) % UNROLLED
        return _thumb_conv.call(node, graph, doubled(filters), entry, filters.narrow)

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        words = filters.weights.shape[1] / 4
        each = np.array(_QUAD)[filters.group] * words + 60
        geometry = _thumb_conv.window(node, graph)
        gather = 250 + 70 * geometry.kernel[0] + 9.2 * filters.weights.shape[1]
        return float(_thumb_conv.tiles(node, graph) * (each.sum() + gather))
