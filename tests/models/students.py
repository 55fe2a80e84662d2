"""The students that tests compare with what TensorFlow's converter makes of them."""

from __future__ import annotations

from edgebuild import models


def described(name: str) -> models.Net:
    """The smallest that shows every kind of block."""
    reconstructs = models.find(name).reconstructs
    shape = (20,) if reconstructs else (12, 12, 1)
    return models.describe(name, shape, shape if reconstructs else (3,), 0.125)
