"""Weights of 16 levels: int8 weights that are, filter by filter, a step times an integer from -8 to 7."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OFFSET = 8
"""What makes every value fit four bits without a sign."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Filters with few levels.

    Attributes:
        step: of each filter, the greatest that divides all its weights; 1 where all are zero.
        values: weights divided by their filter's step.
    """

    step: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray) -> Levels:
        """The levels of ``weights`` ``(filters, inputs)``."""
        step = np.maximum(np.gcd.reduce(np.abs(weights.astype(np.int64)), axis=1), 1)
        return cls(step, weights // step[:, None])

    @property
    def narrow(self) -> bool:
        """Whether four bits hold every value."""
        return bool(self.values.min(initial=0) >= -8 and self.values.max(initial=0) <= 7)


def narrow(weights: np.ndarray) -> bool:
    """Whether weights ``(filters, …)`` have 16 levels, and not just because they are that small."""
    levels = Levels.of(weights.reshape(len(weights), -1))
    return levels.narrow and bool(weights.any())
