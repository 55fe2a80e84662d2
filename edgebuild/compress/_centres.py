"""k-means of numbers on a line, which finds the best centres exactly enough and the same ones every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 30


def nearest(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """``values``, each replaced by the nearest of at most ``count`` centres; zeros stay zero.

    Zero is a centre of its own where a share of the values is zero, so that pruning survives.
    """
    zero = values == 0
    pruned = bool(zero.any())
    rest = values[~zero].astype(np.float64)
    wanted = count - 1 if pruned else count
    if len(np.unique(rest)) <= wanted:
        return values
    centres = _centres(np.sort(rest), wanted)
    answer = np.zeros(values.shape, np.float32)
    answer[~zero] = centres[np.abs(rest[:, np.newaxis] - centres).argmin(axis=1)]
    return answer


def _centres(ordered: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Lloyd's algorithm from evenly spread centres between the extremes.

    They beat quantiles here: the few large weights matter more than their number says.
    """
    centres = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(_ROUNDS):
        edges = np.searchsorted(ordered, (centres[:-1] + centres[1:]) / 2)
        parts = np.split(ordered, edges)
        moved = np.array([part.mean() if len(part) else old for part, old in zip(parts, centres, strict=True)])
        if np.allclose(moved, centres, atol=1e-9):
            break
        centres = moved
    return np.asarray(centres)
