"""Fashion-MNIST's training images in two: what a model is trained with, and what auto chooses by."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "fashion-mnist"))
import data

ASIDE = 5000


def training():
    """All but the last ones: images of (count, 28, 28, 1) from 0 to 1, and labels."""
    x, y = data.training()
    return x[:-ASIDE], y[:-ASIDE]


def validation():
    """The last ones."""
    x, y = data.training()
    return x[-ASIDE:], y[-ASIDE:]
