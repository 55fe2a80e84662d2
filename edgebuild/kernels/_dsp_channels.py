"""Output channels as the DSP kernels want them: zero point folded, constants recognised, requantization chosen.

The accumulator of a channel lies in an interval that follows from its weights, since an input is any int8.
From it a build decides which form of requantization is exact (``docs/kernels/dsp.md`` derives them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edgebuild.ops._requantization import Requantization

Form = Literal["relu", "round", "general"]
"""``relu``: one rounding, outputs below the zero point are clamped away.  ``round``: two, halves away from
zero.  ``general``: plain C, for any multiplier and shift."""

UNIT = 64
"""What the kernels shift to make the second multiplier."""


@dataclass(frozen=True, eq=False)
class Channels:
    """Channels over raw int8 inputs.

    Attributes:
        weights: ``(channels, inputs)`` int64.
        bias: int64, with the input's zero point folded in.
        multiplier, shift: of the requantization; right shifts are positive here.
        form: the requantization that is exact for all of them.
        narrow: every accumulator times 256 fits int32.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    form: Form
    narrow: bool

    @classmethod
    def of(cls, weights: np.ndarray, bias: np.ndarray, zero_point: int, requantization: Requantization) -> Channels:
        """Channels of ``weights`` ``(channels, inputs)`` whose input has ``zero_point``."""
        rows = weights.astype(np.int64)
        folded = bias.astype(np.int64) - zero_point * rows.sum(axis=1)
        multiplier = requantization.multiplier.astype(np.int64)
        shift = -requantization.shift.astype(np.int64)
        low, high = bounds(rows, folded)
        rows, folded, multiplier, shift = _without_constants(rows, folded, multiplier, shift, low, high, requantization)
        low, high = bounds(rows, folded)
        fits = bool((low >= -(2**31)).all() and (high < 2**31).all())
        fast = fits and bool(_fast(multiplier, shift).all())
        form: Form = "general" if not fast else "relu" if requantization.low >= requantization.zero_point else "round"
        narrow = bool((low >= -(2**23)).all() and (high < 2**23).all())
        return cls(rows, folded, multiplier, shift, form, narrow)

    def general(self) -> Channels:
        """The same, requantized in plain C."""
        return replace(self, form="general")

    def code(self) -> np.ndarray:
        """How far :data:`UNIT` is shifted left to be the second multiplier, ``2^(32 - shift)``."""
        return 32 - self.shift - (UNIT.bit_length() - 1)

    def doubled(self) -> np.ndarray:
        """``2 * multiplier - 2^32``: what SMMLAR needs to multiply and add in one."""
        return 2 * self.multiplier - 2**32


def bounds(weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest accumulator of each channel."""
    ends = np.stack([weights * -128, weights * 127])
    return bias + ends.min(axis=0).sum(axis=1), bias + ends.max(axis=0).sum(axis=1)


def _without_constants(
    weights: np.ndarray,
    bias: np.ndarray,
    multiplier: np.ndarray,
    shift: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    requantization: Requantization,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A channel whose output is the same at both ends of its interval gets no weights, and a sum within the interval.

    It keeps its multiplier, which layers with one multiplier for all channels like, unless that has no fast form or
    the sum is too large for one: then a plain one serves.
    """
    ends = np.stack([low, high])
    outputs = requantization.apply(ends).astype(np.int64)
    # within int32 the output grows with the accumulator; a left shift may wrap in between
    constant = (outputs[0] == outputs[1]) & (low >= -(2**31)) & (high < 2**31) & (shift >= 0)
    inside = np.clip(0, low, high)
    own = _fast(multiplier, shift) & (np.abs(inside) < 2**23)
    level = (outputs[0] - requantization.zero_point) << 3  # times 2^30 / 2^31 / 2^2
    return (
        np.where(constant[:, None], 0, weights),
        np.where(constant, np.where(own, inside, level), bias),
        np.where(constant & ~own, 1 << 30, multiplier),
        np.where(constant & ~own, 2, shift),
    )


def _fast(multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Which channels have a fast form: 1 << 30 is the least multiplier that quantize_multiplier gives."""
    found: np.ndarray = (multiplier >= 1 << 30) & (shift >= 2) & (shift <= 19)
    return found


def words(values: np.ndarray | int) -> np.ndarray:
    """int32 words of integers modulo 2^32."""
    return ((np.asarray(values, np.int64) + 2**31) % 2**32 - 2**31).astype(np.int32)


def pair_words(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Words of two int16 halves, ``first`` in the low one."""
    return words((first & 0xFFFF) | (second & 0xFFFF) << 16)
