"""A function of two int8 operands as one affine form and a shift, proved over all 65,536 pairs."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SHIFTS = (21, 22, 20, 19, 18, 23)
"""Tried in this order, the same for every layer, so that layers share a function."""
_NEAR = 6
"""How far from the real factors, in units of the last place."""


@dataclass(frozen=True)
class Affine:
    """``(a * a_factor + b * b_factor + offset) >> shift``, clamped, is the function."""

    a_factor: int
    b_factor: int
    offset: int
    shift: int


@functools.lru_cache(maxsize=256)
def fitted(table: bytes, a_slope: float, b_slope: float) -> Affine | None:
    """The affine form of a function, or None if none was found.

    Args:
        table: int8 results for a (slow) and b (fast) from -128 to 127.
        a_slope, b_slope: what the function nearly multiplies its operands with.
    """
    result = np.frombuffer(table, np.int8).reshape(256, 256).astype(np.int64)
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    low, high = result.min(), result.max()
    above, below = result > low, result < high
    for shift in SHIFTS:
        first, second = round(a_slope * 2**shift), round(b_slope * 2**shift)
        if (abs(first) + abs(second) + 2**shift) * 128 + 2 ** (shift + 1) >= 2**31:
            continue
        for i, j in _nearest():
            value = (first + i) * a + (second + j) * b
            least = ((result << shift) - value)[above].max(initial=-(2**31))
            most = (((result + 1) << shift) - 1 - value)[below].min(initial=2**31 - 1)
            if least <= most:
                offset = int(max(least, min(most, (least + most) // 2)))
                extreme = np.abs(value).max() + abs(offset)
                if extreme < 2**31:
                    return Affine(first + i, second + j, offset, shift)
    return None


def _nearest() -> Iterator[tuple[int, int]]:
    span = range(-_NEAR, _NEAR + 1)
    return iter(sorted(itertools.product(span, span), key=lambda ij: abs(ij[0]) + abs(ij[1])))
