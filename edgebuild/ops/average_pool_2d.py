"""AVERAGE_POOL_2D: int8, the mean of the window's part inside the image, halves rounded away from zero."""

from __future__ import annotations

import numpy as np

from edgebuild.ops._pool import Pool


class AveragePool2D(Pool):
    """TFLite divides the plain sum of quantized values, not of reals."""

    tflite = "AVERAGE_POOL_2D"
    versions = range(1, 3)
    name = "average_pool_2d"

    def reduce(self, patches: np.ndarray, inside: np.ndarray) -> np.ndarray:
        total, count = patches.sum(axis=(2, 3)), inside.sum(axis=(2, 3))
        return np.asarray(np.sign(total) * ((np.abs(total) + count // 2) // count))
