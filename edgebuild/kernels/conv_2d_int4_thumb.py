"""CONV_2D on Armv6-M for weights of 16 levels: four bits each, which eight pixels share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_conv
from edgebuild.kernels._int4 import Levels
from edgebuild.kernels._thumb_filters import Filters, stream
from edgebuild.kernels._thumb_requantization import shorten
from edgebuild.ops import Call

PIXELS = 8
"""Pixels at a time."""

TAPS = 8
"""Weights of a word."""

LEAST = 24
"""Products that a lane always holds: ``24 * 8 * 128 < 2^15``."""


class Conv2DInt4Thumb(Variant):
    """Any convolution with one group whose filters have 16 levels each, and biases that a head word holds."""

    op = "conv_2d"
    template = "conv_2d/int4_thumb.c.j2"
    features = frozenset({"thumb"})
    compact = True
    code = 1400

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 0).shape[3] != graph.tensor(node, 1).shape[3]:
            return False
        filters = _thumb_conv.filters(node, graph)
        return filters.representable() and Levels.of(filters.weights).narrow

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph, _tile_bytes(node, graph), PIXELS)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        group = 2 * PIXELS * _group(filters, Levels.of(filters.weights))
        call = _thumb_conv.call(node, graph, packed(filters), group, filters.narrow)
        rows = _thumb_conv.rows_bytes(node, graph, PIXELS)
        return replace(call, scalars={**call.scalars, "tile_bytes": _tile_bytes(node, graph), "rows_bytes": rows})

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        taps, group = filters.weights.shape[1], _group(filters, Levels.of(filters.weights))
        each = 90 * -(-taps // TAPS) + 40 * -(-taps // group) + np.where(shorten(filters).exact, 190, 380)
        geometry = _thumb_conv.window(node, graph)
        gather = 680 + 180 * geometry.kernel[0] + 28 * taps
        return float(_thumb_conv.tiles(node, graph, PIXELS) * (each.sum() + gather))


def packed(filters: Filters) -> np.ndarray:
    """Head, weights, step, and limit and factor or multiplier: filter after filter, int32."""
    short, levels = shorten(filters), Levels.of(filters.weights)
    head = filters.bias << 8 | filters.shift << 1 | (~short.exact).astype(np.int64)
    values = np.pad(levels.values, ((0, 0), (0, -levels.values.shape[1] % TAPS))) & 15
    words = (values.reshape(len(values), -1, TAPS) << 4 * np.arange(TAPS)).sum(axis=2)
    rows = []
    for n, row in enumerate(words):
        last = [short.limit[n], short.factor[n]] if short.exact[n] else [filters.multiplier[n]]
        rows.append(np.concatenate([[head[n]], row, [levels.step[n]], last]))
    return stream(np.concatenate(rows)[None])


def _group(filters: Filters, levels: Levels) -> int:
    """How many products a lane holds in all filters: whole words of weights, as many as fit."""
    values, size = replace(filters, weights=levels.values), LEAST
    while size < levels.values.shape[1] and values.grouped(size + TAPS).all():
        size += TAPS
    return size


def _tile_bytes(node: Node, graph: Graph) -> int:
    """Four packed pairs for each tap, padded to eight taps."""
    weight = graph.tensor(node, 1)
    taps = weight.elements // weight.shape[0]
    return 2 * PIXELS * (-(-taps // TAPS) * TAPS)
