"""FULLY_CONNECTED on Armv6-M for pruned weights: blocks of four units times four inputs are skipped where zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _sparse_thumb, _thumb_dense
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels.fully_connected_thumb import FullyConnectedThumb
from edgebuild.ops import Call

_UNITS = 4
"""That share blocks."""

_BLOCK = 69
"""Instructions of a stored block."""


class FullyConnectedSparseThumb(Variant):
    """What the dense kernel can do, where the stored blocks take no more room than all weights."""

    op = "fully_connected"
    template = "fully_connected/sparse_thumb.c.j2"
    features = frozenset({"thumb"})
    compact = True
    skips = (4, 4)
    code = 600

    def exact(self, node: Node, graph: Graph) -> bool:
        if not FullyConnectedThumb().exact(node, graph):
            return False
        padded = _padded(_thumb_dense.filters(node, graph))
        stored = _sparse_thumb.stored(padded, _UNITS)
        return 17 * sum(map(len, stored)) + len(stored) <= padded.weights.size

    def context(self, node: Node, graph: Graph) -> Call:
        padded = _padded(_thumb_dense.filters(node, graph))
        stored = _sparse_thumb.stored(padded, _UNITS)
        halves = (256 * padded.weights[1::2] + padded.weights[::2]) & 0xFFFF
        quads = (halves[::2] | halves[1::2] << 16).reshape(len(stored), -1, 4)
        words = np.concatenate([row[kept].reshape(-1) for row, kept in zip(quads, stored, strict=True)])
        call = _thumb_dense.call(node, graph, ((words + 2**31) % 2**32 - 2**31).astype(np.int32))
        skips = np.concatenate([_sparse_thumb.skips(kept) for kept in stored])
        return replace(call, arrays={**call.arrays, "skips": skips})

    def instructions(self, node: Node, graph: Graph) -> float:
        rows, _ = _thumb_dense.extents(node, graph)
        filters = _thumb_dense.filters(node, graph)
        blocks = sum(map(len, _sparse_thumb.stored(_padded(filters), _UNITS)))
        return rows * (_BLOCK * blocks + 70 * len(filters.bias) + 100)


def _padded(filters: Filters) -> Filters:
    """With units without weights up to whole fours."""
    return replace(filters, weights=np.pad(filters.weights, ((0, -len(filters.weights) % _UNITS), (0, 0))))
