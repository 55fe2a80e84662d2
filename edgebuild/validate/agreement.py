"""How far one runtime's outputs are from another's, where the bytes cannot be expected to be the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebuild.artifacts import Interface
from edgebuild.validate.accuracy import classes
from edgebuild.validate.ports import unpack

FLOAT_ROUNDING = 1e-5
"""Relative difference that sums in another order may make in float32."""


@dataclass(frozen=True)
class Agreement:
    """Two sets of outputs side by side.

    Attributes:
        mismatched_bytes: how many bytes differ.
        units: the largest difference in quantization steps of the output.
    """

    mismatched_bytes: int
    units: float


def agreement(interface: Interface, first: np.ndarray, second: np.ndarray, steps: Sequence[float]) -> Agreement:
    """Compare ``(count, bytes)`` outputs.

    Args:
        steps: what one unit is in each output: 1 for an integer, the scale for a float that was dequantized,
            0 where the model computes in float; then a unit is a 256th of the span of the values in ``second``.
    """
    largest = 0.0
    for position, given in enumerate(steps):
        a, b = (unpack(interface.outputs, part, position).astype(np.float64) for part in (first, second))
        step = given or (float(np.ptp(b)) / 256 or 1.0)
        largest = max(largest, float(np.max(np.abs(a - b))) / step)
    return Agreement(int(np.count_nonzero(first != second)), round(largest, 3))


def same_class(interface: Interface, first: np.ndarray, second: np.ndarray) -> float:
    """Share of the vectors for which both find the same class in the first output."""
    return float(np.mean(classes(interface, first) == classes(interface, second)))


def rounding_only(interface: Interface, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether float outputs differ by no more than sums in another order explain, and integer ones not at all."""
    for position in range(len(interface.outputs)):
        a, b = (unpack(interface.outputs, part, position) for part in (first, second))
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                return False
        elif np.max(np.abs(a - b)) > FLOAT_ROUNDING * max(1.0, float(np.max(np.abs(b)))):
            return False
    return True
