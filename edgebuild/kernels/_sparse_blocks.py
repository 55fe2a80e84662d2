"""Blocks of weights that are all zero, and the bytes that say which ones are not.

Sparsity is looked for in the weights as they are, so it does not matter what pruned them, or with which pattern.
"""

from __future__ import annotations

import numpy as np

LAST = 0x80
"""Flag of a row's last block."""


def kept(weights: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Which blocks hold a weight that is not zero: bool ``(groups of rows, blocks of columns)``.

    Args:
        weights: ``(channels, inputs)``, both whole blocks.
    """
    channels, inputs = weights.shape
    blocks = weights.reshape(channels // rows, rows, inputs // columns, columns)
    found: np.ndarray = blocks.any(axis=(1, 3))
    return found


def stored(row: np.ndarray, reach: int) -> np.ndarray:
    """Indices of the blocks that a stream stores for a row of :func:`kept`: at least one, no gap above ``reach``."""
    wanted = np.flatnonzero(row)
    found, previous = [], -1
    for block in wanted.tolist():
        while block - previous - 1 > reach:
            previous += reach + 1
            found.append(previous)
        found.append(block)
        previous = block
    return np.array(found or [0], np.int64)


def even(row: np.ndarray, reach: int) -> np.ndarray:
    """The same, filled up to an even number; a row has an even number of blocks."""
    found = stored(row, reach)
    if len(found) % 2:
        free = np.setdiff1d(np.arange(len(row)), found)
        found = np.sort(np.append(found, free[0]))
    return found


def skips(indices: np.ndarray, scale: int) -> np.ndarray:
    """A byte for each stored block of a row: ``scale`` times the blocks skipped before it, and :data:`LAST`."""
    found = np.diff(indices, prepend=-1) - 1
    assert (found * scale < LAST).all()
    found = found * scale
    found[-1] |= LAST
    return found.astype(np.uint8)
