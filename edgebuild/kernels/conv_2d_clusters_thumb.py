"""CONV_2D on Armv6-M for weights of at most sixteen values a filter: looked up once for four pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _sparse_thumb, _thumb_conv
from edgebuild.kernels._clusters import levels
from edgebuild.kernels._thumb_filters import FOURS, Filters, stream
from edgebuild.kernels._thumb_requantization import shorten
from edgebuild.ops import Call

BITS = (2, 4)
"""Bits of an index: three would not fill bytes."""

_FOUR = (48, 54)
"""Instructions of four weights, by fours and by twos."""


class Conv2DClustersThumb(Variant):
    """What the dense kernel can do, where tables and indices take less room than weights."""

    op = "conv_2d"
    template = "conv_2d/clusters_thumb.c.j2"
    features = frozenset({"thumb"})
    compact = True
    code = 1500

    def exact(self, node: Node, graph: Graph) -> bool:
        if not _thumb_conv.possible(node, graph):
            return False
        weights = _thumb_conv.filters(node, graph).weights
        bits = _bits(weights)
        small = len(weights) << bits < weights.size - weights.size * bits // 8
        return bits > 0 and small and not levels(weights, bits)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_conv.scratch(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        bits = _bits(filters.weights)
        packed, words = _packed(filters, bits)
        call = _thumb_conv.call(node, graph, packed, 0, filters.narrow)
        return replace(call, scalars={**call.scalars, "stream_words": words}, shape={**call.shape, "bits": bits})

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        taps = filters.weights.shape[1]
        each = np.where(filters.group == FOURS, *_FOUR) * taps / 4 + np.where(shorten(filters).exact, 105, 157)
        geometry = _thumb_conv.window(node, graph)
        gather = 340 + 90 * geometry.kernel[0] + 12.5 * taps
        return float(_thumb_conv.tiles(node, graph) * (each.sum() + gather))


def _bits(weights: np.ndarray) -> int:
    """Of an index into the values of each filter, 0 where there are too many."""
    if len(np.unique(weights[0])) > 1 << BITS[-1]:
        return 0  # as of most layers: planning asks often
    most = max(len(np.unique(row)) for row in weights)
    return next((bits for bits in BITS if most <= 1 << bits), 0)


def _packed(filters: Filters, bits: int) -> tuple[np.ndarray, int]:
    """The stream as int32, and how many words come before the indices."""
    short = shorten(filters)
    grouped = (filters.group == FOURS).astype(np.int64)
    head = filters.bias << 8 | grouped << 6 | filters.shift << 1 | (~short.exact).astype(np.int64)
    rows, indices = [], []
    for n, row in enumerate(filters.weights):
        values, found = np.unique(row, return_inverse=True)
        table = np.pad(values, (0, (1 << bits) - len(values))).astype(np.int8).view("<i4")
        last = [short.limit[n], short.factor[n]] if short.exact[n] else [filters.multiplier[n]]
        rows.append(np.concatenate([[head[n]], table, last]))
        indices.append((found.reshape(-1, 4) << bits * np.arange(3, -1, -1)).sum(axis=1))
    words = stream(np.concatenate(rows)[None])
    octets = np.concatenate(indices).astype("<u1" if bits == 2 else "<u2").view(np.uint8)
    return np.concatenate([words, _sparse_thumb.as_words(octets)]), len(words)
