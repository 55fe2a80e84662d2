"""Loss that follows a teacher: soft labels beside the true ones (Hinton, Vinyals and Dean, 2015)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebuild.compress import Fed

TEMPERATURE = 4.0
"""How far soft labels are flattened: at 1 they are nearly the true ones, far above 1 nearly uniform."""

_BATCH = 128
_LEAST = 1e-7


def answers(call: Callable[..., Any], x: Fed, batch: int | None = None) -> NDArray[Any]:
    """What a model answers to ``x``, as float32.

    Args:
        call: from one batch, as Keras takes it, to its outputs, or to a list whose first element they are.
        batch: how many samples ``call`` takes at once; None for any number.
    """
    size = batch or _BATCH
    found = []
    for start in range(0, len(x), size):
        answer = call(x[start : start + size])
        found.append(np.asarray(answer[0] if isinstance(answer, list | tuple) else answer, np.float32))
    return np.concatenate(found)


def classifies(labels: NDArray[Any], outputs: int) -> bool:
    """Whether ``labels`` are class numbers of a model with so many outputs."""
    return np.issubdtype(labels.dtype, np.integer) and labels.ndim == 1 and outputs > 1


def distributions(answers: NDArray[Any]) -> bool:
    """Whether ``answers`` are probabilities that add up to 1 over the last axis."""
    return bool(answers.min() >= 0 and np.abs(answers.sum(axis=-1) - 1).max() <= 1e-3)


def targets(labels: NDArray[Any], taught: NDArray[Any]) -> NDArray[Any]:
    """Labels and the teacher's answers side by side, ``(count, …)``: what :func:`loss` takes as ``y_true``."""
    count = len(labels)
    return np.concatenate(
        [labels.reshape(count, -1).astype(np.float32), taught.reshape(count, -1).astype(np.float32)], axis=1
    )


def loss(
    hard: Any, *, share: float, labels: int, classes: bool, logits: tuple[bool, bool], temperature: float
) -> Callable[[Any, Any], Any]:
    """``(1 - share)`` of the loss against the labels and ``share`` of that against the teacher.

    For classes the latter is the cross-entropy of both distributions at ``temperature``, times its square, which
    keeps its gradients as large as those of the labels; for anything else it is the mean squared difference.

    Args:
        hard: Keras's loss against the labels.
        labels: how many columns of ``y_true`` are labels.
        logits: whether the teacher's, and the student's outputs are logits; else they are probabilities.
    """
    import tensorflow as tf

    def flattened(outputs: Any, raw: bool) -> Any:
        # the logarithm of a probability is a logit but for a constant, which a softmax does not see
        return tf.nn.softmax((outputs if raw else tf.math.log(outputs + _LEAST)) / temperature)

    def mixed(y_true: Any, y_pred: Any) -> Any:
        true, taught = y_true[:, :labels], y_true[:, labels:]
        if classes:
            one = hard(true[:, 0], y_pred)
            student, teacher = flattened(y_pred, logits[1]), flattened(taught, logits[0])
            other = -tf.reduce_sum(teacher * tf.math.log(student + _LEAST), axis=-1) * temperature**2
        else:
            flat = tf.reshape(y_pred, (tf.shape(y_pred)[0], -1))
            one = hard(true, flat)
            other = tf.reduce_mean(tf.math.squared_difference(taught, flat), axis=-1)
        return (1.0 - share) * tf.reduce_mean(one) + share * tf.reduce_mean(other)

    return mixed
