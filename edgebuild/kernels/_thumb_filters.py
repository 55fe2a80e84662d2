"""Filters for cores without SIMD: weights and biases as the packed-pair kernels want them.

Two output pixels share one register, ``X = x0 + 65536 * x1`` (a signed sum), so that one 32-bit product
with a weight makes two multiply-accumulates.  The low lane holds a sum of ``g`` products only while that
sum fits 16 bits; :meth:`Filters.grouped` decides from the real weights how long that is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops._requantization import Requantization, bias_or_zeros

MAX_SHIFT = 22
"""Right shifts beyond this would let the rounding constant overflow 32 bits."""

TWOS, FOURS, THREES = 0, 1, 2
"""Codes of a filter's groups; see :attr:`Filters.group`."""


@dataclass(frozen=True, eq=False)
class Filters:
    """Weights, biases and requantization of a convolution-like node, one row a filter, all int64.

    Attributes:
        weights: ``(filters, taps)``; taps are padded with zeros to a multiple of four.
        bias: with the input's zero point folded in, so that inputs need no offset.
        multiplier: of the requantization.
        shift: to the right.
        zero_point: of the output.
        low, high: clamp limits of the fused activation.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int

    @classmethod
    def of(cls, node: Node, graph: Graph, requantization: Requantization, rows: np.ndarray) -> Filters:
        """The filters of ``node``; ``rows`` are its weights, ``(filters, taps)``.

        A filter whose output cannot vary is replaced by one without weights that gives the same output.
        """
        bias = graph.optional(node, 2)
        arrays = (
            rows.astype(np.int8),
            bias_or_zeros(bias.data if bias else None, len(rows)).astype(np.int64),
            requantization.multiplier.astype(np.int64),
            requantization.shift.astype(np.int64),
        )
        limits = (requantization.zero_point, requantization.low, requantization.high)
        return _made(rows.shape[1], graph.tensor(node, 0).zero_point, limits, *(a.tobytes() for a in arrays))

    @functools.cached_property
    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest accumulator of each filter over all int8 inputs."""
        low = np.minimum(self.weights * 127, self.weights * -128).sum(axis=1)
        high = np.maximum(self.weights * 127, self.weights * -128).sum(axis=1)
        return self.bias + low, self.bias + high

    @property
    def narrow(self) -> bool:
        """Whether the clamp is tighter than int8."""
        return (self.low, self.high) != (-128, 127)

    def outputs(self, accumulated: np.ndarray) -> np.ndarray:
        """What the reference kernels make of accumulators, one per filter."""
        scaled = arithmetic.requantize(arithmetic.wrap_int32(accumulated), self.multiplier, -self.shift)
        return np.clip(scaled + self.zero_point, self.low, self.high)

    def without_constants(self) -> Filters:
        """The same outputs, with filters whose output cannot vary freed of their weights."""
        least, greatest = self.reach
        inside = (least >= arithmetic.INT32_MIN) & (greatest <= arithmetic.INT32_MAX)
        least, greatest = (np.clip(a, arithmetic.INT32_MIN, arithmetic.INT32_MAX) for a in (least, greatest))
        shift_left = self.shift < 0  # a left shift may wrap, so that outputs need not be monotone
        value = self.outputs(least)
        fixed = inside & ~shift_left & (value == self.outputs(greatest))
        # any accumulator in between does, with the filter's own multiplier, which others may share, if that will do;
        # otherwise round(2^30 * 1024 n / 2^31 / 2^9) = n
        within = np.clip(0, least, greatest)
        own = (self.multiplier > 0) & (self.shift >= 1) & (self.shift <= MAX_SHIFT) & (np.abs(within) < 1 << 23)
        return replace(
            self,
            weights=np.where(fixed[:, None], 0, self.weights),
            bias=np.where(fixed, np.where(own, within, (value - self.zero_point) * 1024), self.bias),
            multiplier=np.where(fixed & ~own, 1 << 30, self.multiplier),
            shift=np.where(fixed & ~own, 9, self.shift),
        )

    @functools.cached_property
    def group(self) -> np.ndarray:
        """How many consecutive products of each filter a lane may hold: :data:`FOURS`, :data:`THREES` or :data:`TWOS`.

        Threes are three, three and two of eight taps; they are for filters of whole eights of taps.
        """
        threes = self.grouped(3, 3, 2) if self.weights.shape[1] % 8 == 0 else np.zeros(len(self.bias), bool)
        return np.where(self.grouped(4), FOURS, np.where(threes, THREES, TWOS))

    def grouped(self, *sizes: int) -> np.ndarray:
        """Of each filter, whether sums of so many products, in turn, stay within 16 bits.

        The least value is left out: below a negative low lane the high lane would be one less still.
        """
        right = np.ones(len(self.bias), bool)
        for start, size in zip(np.cumsum((0, *sizes)), sizes, strict=False):
            for tap in range(start, self.weights.shape[1], sum(sizes)):
                group = self.weights[:, tap : tap + size]
                right &= np.maximum(group * 127, group * -128).sum(axis=1) <= 32767
                right &= np.minimum(group * 127, group * -128).sum(axis=1) >= -32767
        return right

    def requantizable(self) -> bool:
        """Whether the general requantization is exact: right shifts, and accumulators with three bits to spare."""
        least, greatest = self.reach
        return bool(
            (np.maximum(np.abs(least), np.abs(greatest)) < 1 << 29).all()
            and (self.shift >= 1).all()
            and (self.shift <= MAX_SHIFT).all()
        )

    def representable(self) -> bool:
        """Whether besides, every bias fits the head word."""
        return self.requantizable() and bool((np.abs(self.bias) < 1 << 23).all())

    def head(self, short: np.ndarray) -> np.ndarray:
        """Word that begins a filter: bias << 8 | group << 6 | shift << 1 | not the short form."""
        return self.bias << 8 | self.group << 6 | self.shift << 1 | (~short).astype(np.int64)

    def words(self) -> np.ndarray:
        """The weights, four to a little-endian word."""
        return np.ascontiguousarray(self.weights.astype(np.int8)).view("<i4").astype(np.int64)


@functools.lru_cache(maxsize=128)
def _made(
    taps: int, zero_point: int, limits: tuple[int, int, int], rows: bytes, bias: bytes, multiplier: bytes, shift: bytes
) -> Filters:
    """Filters by the bytes of what they are made of: planning asks for the same ones again and again."""
    weights = np.frombuffer(rows, np.int8).reshape(-1, taps).astype(np.int64)
    made = Filters(
        np.pad(weights, ((0, 0), (0, -taps % 4))),
        np.frombuffer(bias, np.int64) - zero_point * weights.sum(axis=1),
        np.frombuffer(multiplier, np.int64),
        -np.frombuffer(shift, np.int64),
        *limits,
    )
    return made.without_constants()


def stream(*columns: np.ndarray) -> np.ndarray:
    """One int32 array that holds, filter after filter, what each column has for it; negative words are kept as such."""
    wide = np.concatenate([c.reshape(len(columns[0]), -1) for c in columns], axis=1)
    return arithmetic.wrap_int32(wide.reshape(-1)).astype(np.int32)
