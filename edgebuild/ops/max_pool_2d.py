"""MAX_POOL_2D: int8, the largest value of the window's part inside the image."""

from __future__ import annotations

import numpy as np

from edgebuild.ops._pool import Pool


class MaxPool2D(Pool):
    """Maximum over a window."""

    tflite = "MAX_POOL_2D"
    versions = range(1, 3)
    name = "max_pool_2d"

    def reduce(self, patches: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(inside > 0, patches, -128).max(axis=(2, 3)))
