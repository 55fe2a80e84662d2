"""Weights of 16 levels on Helium: a byte holds those of two channels, and one VSHL takes them apart.

A byte ``16 * odd + even`` is a signed sum: VMLADAVA with it sums ``S = 16 * A + B``, and with the byte shifted left by
four, which leaves ``16 * even``, ``T = 16 * B``.  A -8 of the odd channel beside a negative value has no such byte:
then bytes are two halves of four bits, and a shift to the right takes the odd one out.
"""

from __future__ import annotations

import numpy as np

from edgebuild.kernels._int4 import Levels
from edgebuild.kernels._sparse_mve import Blocks


class Values:
    """The values of a layer's channels, in pairs.

    Attributes:
        values: ``(channels, inputs)`` int8, the channels filled up with zeros to a multiple of ``multiple``.
        step: of each channel, 1 for those that were added.
        narrow: whether four bits hold all of them.
        split: whether bytes are two halves of four bits.
    """

    def __init__(self, weights: np.ndarray, multiple: int) -> None:
        levels = Levels.of(weights)
        more = -len(weights) % multiple
        self.values = np.pad(levels.values, ((0, more), (0, 0))).astype(np.int8)
        self.step = np.pad(levels.step, (0, more), constant_values=1)
        self.narrow = levels.narrow
        self.split = int(((self.values[1::2] == -8) & (self.values[::2] < 0)).any())

    def bytes(self, values: np.ndarray) -> np.ndarray:
        """A byte for each two channels of ``values`` ``(channels, …)``."""
        even, odd = values[::2].astype(np.int64), values[1::2].astype(np.int64)
        joined = odd * 16 + (even & 15 if self.split else even)
        assert (joined >= -128).all() and (joined < 128).all()
        return joined.astype(np.int8)


class Int4Blocks(Blocks):
    """Blocks of values."""

    def __init__(self, values: Values, group: int) -> None:
        self.pairs = values
        super().__init__(values.values, group, group)

    def vectors(self, weights: np.ndarray) -> np.ndarray:
        return self.pairs.bytes(weights)
