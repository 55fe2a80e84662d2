"""How much each layer minds being compressed, and how to spread a total over the layers accordingly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgebuild.compress import Training

SAMPLES = 512
"""Training samples on which a layer's sensitivity is measured: enough to rank layers, and quick."""

LEVELS = (0.25, 0.5, 0.625, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Strengths that are tried on each layer, alone."""


def losses(
    model: Any,
    training: Training,
    names: Sequence[str],
    compress: Callable[[str, float], Callable[[], None]],
    progress: Callable[[float], None],
    levels: Sequence[float] = LEVELS,
) -> dict[str, list[float]]:
    """How much the loss grows when one layer alone is compressed, before any fine-tuning, by layer and level.

    Args:
        compress: compresses the named layer in place by a level, and returns what undoes it.
    """
    import tensorflow as tf

    from edgebuild.compress import _fine_tune

    chosen = np.linspace(0, len(training.x) - 1, min(SAMPLES, len(training.x))).astype(np.int64)
    x, y = training.x.take(chosen), training.y[chosen]
    criterion = _fine_tune.loss(model, training)
    answer = tf.function(lambda batch: model(batch, training=False))

    def measure() -> float:
        outputs = np.concatenate([np.asarray(answer(x[at : at + 64])) for at in range(0, len(x), 64)])
        return float(criterion(y, outputs))

    usual = measure()
    found: dict[str, list[float]] = {}
    for number, name in enumerate(names):
        found[name] = []
        for level in levels:
            undo = compress(name, level)
            found[name].append(max(0.0, measure() - usual))
            undo()
        progress((number + 1) / len(names))
    return found


def spread(
    growth: Mapping[str, Sequence[float]],
    sizes: Mapping[str, int],
    total: float,
    levels: Sequence[float] = LEVELS,
) -> dict[str, float]:
    """A level for each layer, so that ``total`` of all ``sizes`` goes and the summed growth of the losses is least.

    Always takes the step that costs least for what it removes; on the convex hull of each layer's curve that is the
    optimum.  The last step is taken in part, so that the total is met exactly.
    """
    steps: list[tuple[float, float, str, float, float]] = []
    for name, losses_of in growth.items():
        corners = _hull([(0.0, 0.0), *zip(levels, np.maximum.accumulate(losses_of).tolist(), strict=True)])
        for (level, loss), (next_level, next_loss) in itertools.pairwise(corners):
            price = (next_loss - loss) / ((next_level - level) * sizes[name])
            steps.append((price, next_level, name, level, next_level))
    chosen = dict.fromkeys(growth, 0.0)
    left = total * sum(sizes[name] for name in growth)
    for _, _, name, level, next_level in sorted(steps):
        if left <= 0:
            break
        weight = (next_level - level) * sizes[name]
        chosen[name] = level + (next_level - level) * min(1.0, left / weight)
        left -= weight
    return chosen


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lower convex hull of ``points``, which come with growing x."""
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull
