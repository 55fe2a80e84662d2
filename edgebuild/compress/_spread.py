"""How much each layer minds being compressed, and how to spread a total over the layers accordingly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgebuild.compress import Training

SAMPLES = 512
"""Training samples on which a layer's sensitivity is measured: enough to rank layers, and quick."""

_BATCH = 64

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
    """How much the loss grows when one layer alone is compressed, by layer and level.

    Nothing is fine-tuned, but every channel keeps its mean and variance (:mod:`_steady`).

    Args:
        compress: compresses the named layer in place by a level, and returns what undoes it.
    """
    import tensorflow as tf

    from edgebuild.compress import _fine_tune
    from edgebuild.compress._steady import steady

    chosen = np.linspace(0, len(training.x) - 1, min(SAMPLES, len(training.x))).astype(np.int64)
    x, y = training.x.take(chosen), training.y[chosen]
    criterion = _fine_tune.loss(model, training)
    answer = tf.function(lambda batch: model(batch, training=False))
    batches = [x[part] for part in np.array_split(np.arange(len(x)), -(-len(x) // _BATCH))]

    def measure() -> float:
        return float(criterion(y, np.concatenate([np.asarray(answer(batch)) for batch in batches])))

    found: dict[str, list[float]] = {}
    with steady(model, names, batches):
        usual = measure()
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
    """A level for each layer, so that ``total`` of all ``sizes`` goes and the sum of what the layers cost is least.

    Always takes the step that costs least for what it removes; on convex curves that is the optimum.  The last step is
    taken in part, so that the total is met exactly.
    """
    steps: list[tuple[float, float, str, float, float]] = []
    for name, losses_of in growth.items():
        for level, next_level, cost in _costs(losses_of, levels):
            steps.append((cost / ((next_level - level) * sizes[name]), next_level, name, level, next_level))
    chosen = dict.fromkeys(growth, 0.0)
    left = total * sum(sizes[name] for name in growth)
    for _, _, name, level, next_level in sorted(steps):
        if left <= 0:
            break
        weight = (next_level - level) * sizes[name]
        chosen[name] = level + (next_level - level) * min(1.0, left / weight)
        left -= weight
    return chosen


def _costs(growth: Sequence[float], levels: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """The steps from each level to the next, and what each costs.

    That is by how much the loss grows, but no step is cheaper, for each halving of what remains, than those before it:
    a loss that grows no more has nothing left to lose, and does not say that the last weights are for nothing.
    """
    steepest = 0.0
    points = [(0.0, 0.0), *zip(levels, np.maximum.accumulate(growth).tolist(), strict=True)]
    for (level, loss), (next_level, next_loss) in itertools.pairwise(points):
        halvings = math.log2((1 - level) / (1 - next_level))
        steepest = max(steepest, (next_loss - loss) / halvings)
        yield level, next_level, steepest * halvings
