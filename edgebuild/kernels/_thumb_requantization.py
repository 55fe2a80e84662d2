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
from dataclasses import dataclass, replace

import numpy as np

from edgebuild.kernels._thumb_filters import Filters, stream

LOW_BITS, RESULT_SHIFT = 14, 23
_STEPS = (0, 1, -1, 2, -2, 3, -3)

COARSE_BITS = 9
"""An accumulator below 2^(shift + 9) comes out as less than 512 steps above the zero point."""

HEAD_BITS = 6
"""Shift and flag, below a factor that shares its word with them."""

LEAST_SHIFT = 5
"""Of such filters: by so much less their word is shifted to the right, to be a factor."""


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
    shift, threshold = _thresholds(filters)
    limit = np.maximum(np.minimum(threshold[:, -1], filters.reach[1]), 0)
    factors = _factors(filters, shift[:, 0])
    return _first(filters, limit, factors, factors)


@functools.lru_cache(maxsize=128)
def coarsen(filters: Filters, shared: bool) -> Short:
    """The short form whose limit is a power of two: it needs no word, but outputs beyond the clamp's must be seen.

    :func:`evaluate` then makes 0 to 511 of accumulators up to the limit; 256 and more is what a clamp at 255 sees.

    Args:
        shared: whether a filter's factor shares its word with its shift, above which 26 bits of it lie; what code
            makes of that word is the factor.
    """
    shift, threshold = _thresholds(filters)
    greatest = np.maximum(filters.reach[1], 0)
    limit = np.minimum((np.int64(1) << shift[:, 0] + COARSE_BITS) - 1, greatest)
    if shared:
        below = np.int64(1) << HEAD_BITS
        words = [(filters.multiplier * 2 // below + step) * below + shift[:, 0] * 2 for step in _STEPS]
        words = [np.where((shift[:, 0] >= LEAST_SHIFT) & (w < 1 << 32), w, 0) for w in words]
        factors = [w >> np.maximum(shift[:, 0] - LEAST_SHIFT, 0) for w in words]
    else:
        words = factors = _factors(filters, shift[:, 0])
    found = _first(filters, limit, factors, words)
    beyond_is_clamped = (greatest <= limit) | (threshold[:, -1] <= limit + 1)
    return replace(found, exact=found.exact & beyond_is_clamped & (not filters.narrow))


def _factors(filters: Filters, shift: np.ndarray) -> list[np.ndarray]:
    """Factors to try, the ideal one first; 0 where there is none of 32 bits."""
    ideal = np.round(np.ldexp(filters.multiplier.astype(np.float64), 6 - shift)).astype(np.int64)
    return [np.where((ideal + step > 0) & (ideal + step < 1 << 32), ideal + step, 0) for step in _STEPS]


@functools.lru_cache(maxsize=128)
def _thresholds(filters: Filters) -> tuple[np.ndarray, np.ndarray]:
    """Shifts within the form's range, ``(filters, 1)``; and the least accumulators whose output is n steps high."""
    shift = np.clip(filters.shift, 1, 22)[:, None]
    multiplier = np.maximum(filters.multiplier, 1)[:, None]
    n = np.arange(1, max(filters.high - filters.zero_point, 1) + 1, dtype=np.int64)[None]
    doubled = (n << shift) - (np.int64(1) << shift - 1)
    return shift, -((-((doubled << 31) - (1 << 30))) // multiplier)


def _first(filters: Filters, limit: np.ndarray, factors: list[np.ndarray], words: list[np.ndarray]) -> Short:
    """Of each filter the first of ``factors`` that is exact up to ``limit``, and the word that stands for it.

    Where the limit lies beyond the last threshold, more steps than the clamp allows count as right, up to 511.
    """
    shift, threshold = _thresholds(filters)
    steps = filters.high - filters.zero_point
    nothing = np.zeros(len(limit), np.int64)
    if filters.low != filters.zero_point or steps < 1:
        return Short(nothing.astype(bool), nothing, nothing)
    n = np.arange(1, steps + 1, dtype=np.int64)[None]
    possible = (filters.multiplier > 0) & (filters.shift == shift[:, 0]) & (limit < 1 << 18)
    counts = threshold <= limit[:, None]
    inside = np.minimum(threshold, limit[:, None])
    reached = counts.sum(axis=1)
    best, exact = nothing.copy(), np.zeros(len(limit), bool)
    for factor, word in zip(factors, words, strict=True):
        at, before = (evaluate(z, factor[:, None], shift) for z in (inside, inside - 1))
        right = np.where(counts, (at >= n) & (before < n), True).all(axis=1)
        last = evaluate(limit, factor, shift[:, 0])
        right &= np.where(limit > threshold[:, -1], (last >= steps) & (last < 512), last == reached)
        chosen = possible & right & (factor > 0) & ~exact
        best = np.where(chosen, word, best)
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
    if shares(taps):
        return stream(_beside_bias(filters, taps), np.where(short.exact, short.limit << 8, 0) | head & 255, last)
    rows = [
        np.concatenate([[h], w, [limit, f] if exact else [f]])
        for h, w, limit, f, exact in zip(head, words, short.limit, last, short.exact, strict=True)
    ]
    return stream(np.concatenate(rows)[None])


def packed_small(filters: Filters, taps: int = 0) -> np.ndarray:
    """The same by :func:`coarsen`, without limits: head, weights, and factor or multiplier.

    Args:
        taps: as above; there what is left of the head is in the word of the factor, or before that of the multiplier.
    """
    short = coarsen(filters, shares(taps))
    head = filters.head(short.exact)
    if not shares(taps):
        return stream(head, filters.words(), np.where(short.exact, short.factor, filters.multiplier))
    rows = [
        np.concatenate([w, [factor] if exact else [h & (1 << HEAD_BITS) - 1, multiplier]])
        for h, w, factor, multiplier, exact in zip(
            head, _beside_bias(filters, taps), short.factor, filters.multiplier, short.exact, strict=True
        )
    ]
    return stream(np.concatenate(rows)[None])


def shares(taps: int) -> bool:
    """Whether the last word of so many weights holds but one, so that the bias finds room beside it."""
    return taps % 4 == 1


def _beside_bias(filters: Filters, taps: int) -> np.ndarray:
    """The weights' words, with the biases in the upper bytes of the last ones."""
    words = filters.words()
    words[:, -1] = filters.bias << 8 | filters.weights[:, taps - 1] & 255
    return words


def doubled(filters: Filters) -> np.ndarray:
    """Head, weights and multiplier, filter after filter, int32: for cores with a 64-bit multiply-accumulate.

    Outputs that cannot fall below the zero point take one rounding; the others two, with twice the multiplier.
    """
    once = (filters.shift >= 2) & (filters.low >= filters.zero_point)
    return stream(filters.head(once), filters.words(), np.where(once, filters.multiplier, 2 * filters.multiplier))
