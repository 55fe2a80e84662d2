"""Filters for cores without SIMD whose fours of weights are skipped where they are zero."""

from __future__ import annotations

import numpy as np

from edgebuild.kernels import _sparse_blocks
from edgebuild.kernels._thumb_filters import FOURS, Filters
from edgebuild.kernels._thumb_requantization import Short

REACH = _sparse_blocks.LAST - 1
"""Fours that a byte can skip; a longer gap has a word of zeros in between."""


def stored(filters: Filters, rows: int = 1) -> list[np.ndarray]:
    """Of each ``rows`` filters, which fours of weights are stored; none where all are zero."""
    kept = _sparse_blocks.kept(filters.weights, rows, 4)
    return [_sparse_blocks.stored(row, REACH) if row.any() else np.zeros(0, np.int64) for row in kept]


def skips(indices: np.ndarray) -> np.ndarray:
    """A byte before each stored four of a filter, and one that ends it."""
    before = np.diff(indices, prepend=-1) - 1
    return np.append(before, _sparse_blocks.LAST).astype(np.uint8)


def packed(filters: Filters, short: Short) -> tuple[np.ndarray, int]:
    """The stream of ``conv_2d/sparse_thumb.c.j2`` as int32, and how many words come before the bytes."""
    grouped = (filters.group == FOURS).astype(np.int64)
    head = filters.bias << 8 | grouped << 6 | filters.shift << 1 | (~short.exact).astype(np.int64)
    words, blocks = filters.words(), stored(filters)
    rows: list[np.ndarray] = []
    for n, kept in enumerate(blocks):
        last = [short.limit[n], short.factor[n]] if short.exact[n] else [filters.multiplier[n]]
        rows.append(np.concatenate([[head[n]], words[n][kept], last]))
    stream = _signed(np.concatenate(rows))
    return np.concatenate([stream, as_words(np.concatenate([skips(kept) for kept in blocks]))]), len(stream)


def interleaved(filters: Filters) -> np.ndarray:
    """The stream of ``conv_2d/sparse_thumb2.c.j2`` as int32."""
    grouped = (filters.group == FOURS).astype(np.int64)
    once = (filters.shift >= 2) & (filters.low >= filters.zero_point)
    head = filters.bias << 8 | grouped << 6 | filters.shift << 1 | (~once).astype(np.int64)
    multiplier = np.where(once, filters.multiplier, 2 * filters.multiplier)
    rows = []
    for n, kept in enumerate(stored(filters)):
        blocks = kept if len(kept) else np.zeros(1, np.int64)
        spills = len(blocks) * (1 if grouped[n] else 2)
        begin = filters.bias[n] * 65537 - (spills << 15)
        octets = np.concatenate(
            [_sparse_blocks.skips(blocks, 1)[:, None], filters.weights[n].reshape(-1, 4)[blocks] & 0xFF], axis=1
        )
        words = as_words(octets.astype(np.uint8).reshape(-1))
        rows.append(np.concatenate([[head[n], begin, multiplier[n]], words]))
    return _signed(np.concatenate(rows))


def as_words(octets: np.ndarray) -> np.ndarray:
    """Bytes as int32 words, filled up."""
    return np.pad(octets, (0, -len(octets) % 4)).view("<i4")


def _signed(words: np.ndarray) -> np.ndarray:
    return np.asarray((words + 2**31) % 2**32 - 2**31).astype("<i4")
