"""Requantization by two 32-bit products, where build-time proof shows it exact.

For outputs that cannot fall below the zero point (the lower clamp limit is the zero point) the
reference's two roundings are one: ``floor(a * multiplier / 2^(31 + shift) + 1/2^(1 + shift) + 1/2)``.
With ``z = a`` in ``[0, limit]`` and a factor of 28 or so bits in two parts this is

    (z * (factor >> 14) + (z * (factor & 16383) >> 14) + 2^(22 - shift) + 2^22) >> 23

which no 32-bit step overflows for ``limit < 2^18``.  It rises with ``z``, so that it is right everywhere
when it is right on both sides of the thresholds at which the output changes: those are checked, all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.kernels._thumb_filters import Filters, stream

LOW_BITS, RESULT_SHIFT = 14, 23
_STEPS = (0, 1, -1, 2, -2, 3, -3)


@dataclass(frozen=True, eq=False)
class Short:
    """The short form of each filter.

    Attributes:
        exact: filters for which it gives every output right; the other fields mean nothing elsewhere.
        limit: greatest accumulator that is not clamped to the upper limit.
        factor: 32 bits.
    """

    exact: np.ndarray
    limit: np.ndarray
    factor: np.ndarray


def evaluate(z: np.ndarray, factor: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The short form, without zero point, as the code computes it."""
    low = z * (factor & (1 << LOW_BITS) - 1) >> LOW_BITS
    half = np.int64(1) << RESULT_SHIFT - 1
    return np.asarray((z * (factor >> LOW_BITS) + low + half + (half >> shift)) >> RESULT_SHIFT)


@functools.lru_cache(maxsize=128)
def shorten(filters: Filters) -> Short:
    """The short form of ``filters``."""
    steps = filters.high - filters.zero_point
    greatest = filters.reach[1]
    nothing = np.zeros(len(greatest), np.int64)
    if filters.low != filters.zero_point or steps < 1:
        return Short(nothing.astype(bool), nothing, nothing)
    shift = np.clip(filters.shift, 1, 22)[:, None]
    multiplier = np.maximum(filters.multiplier, 1)[:, None]
    n = np.arange(1, steps + 1, dtype=np.int64)[None]
    # the least accumulators whose output is n above the zero point
    doubled = (n << shift) - (np.int64(1) << shift - 1)
    threshold = -((-((doubled << 31) - (1 << 30))) // multiplier)
    limit = np.maximum(np.minimum(threshold[:, -1], greatest), 0)
    possible = (filters.multiplier > 0) & (filters.shift == shift[:, 0]) & (limit < 1 << 18)
    counts = threshold <= limit[:, None]
    best, exact = nothing.copy(), np.zeros(len(limit), bool)
    ideal = np.round(np.ldexp(filters.multiplier.astype(np.float64), 6 - shift[:, 0])).astype(np.int64)
    inside = np.minimum(threshold, limit[:, None])
    for step in _STEPS:
        factor = np.clip(ideal + step, 0, (1 << 32) - 1)
        at, before = (evaluate(z, factor[:, None], shift) for z in (inside, inside - 1))
        right = np.where(counts, (at >= n) & (before < n), True).all(axis=1)
        right &= evaluate(limit, factor, shift[:, 0]) == counts.sum(axis=1)
        chosen = possible & right & (factor == ideal + step) & ~exact
        best = np.where(chosen, factor, best)
        exact |= chosen
    return Short(exact, limit, best)


def packed(filters: Filters, short: Short, taps: int = 0) -> np.ndarray:
    """Head, weights, and limit and factor or multiplier: filter after filter, int32.

    Args:
        taps: of a kernel that shares words: if a filter's last word of weights holds but one, its upper bytes hold the
            bias, and what is left of the head goes into the word of the limit.
    """
    head, words = filters.head(short.exact), filters.words()
    last = np.where(short.exact, short.factor, filters.multiplier)
    if taps % 4 == 1:
        words[:, -1] = filters.bias << 8 | filters.weights[:, taps - 1] & 255
        return stream(words, np.where(short.exact, short.limit << 8, 0) | head & 255, last)
    rows = [
        np.concatenate([[h], w, [limit, f] if exact else [f]])
        for h, w, limit, f, exact in zip(head, words, short.limit, last, short.exact, strict=True)
    ]
    return stream(np.concatenate(rows)[None])


def doubled(filters: Filters) -> np.ndarray:
    """Head, weights and multiplier, filter after filter, int32: for cores with a 64-bit multiply-accumulate.

    Outputs that cannot fall below the zero point take one rounding; the others two, with twice the multiplier.
    """
    once = (filters.shift >= 2) & (filters.low >= filters.zero_point)
    return stream(filters.head(once), filters.words(), np.where(once, filters.multiplier, 2 * filters.multiplier))
