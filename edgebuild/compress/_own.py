"""The user's own loss and metric, tried once before the training and told apart from edgebuild's faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgebuild.compress import Training
from edgebuild.errors import UsageError

_TRIED = 4
"""Samples on which a function is tried."""


def loss(model: Any, training: Training) -> Callable[[Any, Any], Any]:
    """The user's loss as a scalar of labels and outputs, whatever shapes they have been flattened to.

    Raises:
        UsageError: it raises, or does not give one finite number, or one a sample.
    """
    import tensorflow as tf

    assert training.loss is not None
    own = _shaped(training.loss, model, training)
    _try(own, model, training, "loss")
    return lambda true, found: tf.reduce_mean(own(true, found))


def metrics(model: Any, training: Training, columns: int) -> list[Callable[[Any, Any], Any]]:
    """What is told beside the loss: the user's metric, or accuracy where the labels are classes.

    Args:
        columns: how many of the first columns of ``y_true`` are labels, a teacher's answers behind them; 0: all.

    Raises:
        UsageError: the user's metric raises, or does not give numbers.
    """
    import tensorflow as tf

    own = training.metric
    if own is not None:
        shaped = _shaped(own, model, training)
        _try(shaped, model, training, "metric")

        def measured(true: Any, found: Any) -> Any:
            return shaped(true[:, :columns] if columns else true, found)

        measured.__name__ = getattr(own, "__name__", "metric")
        return [measured]
    outputs = int(model.outputs[0].shape[-1])
    if training.y.ndim != 1 or not np.issubdtype(training.y.dtype, np.integer) or outputs < 2:
        return []

    def accuracy(true: Any, found: Any) -> Any:
        labels = tf.cast(true[:, 0] if columns else tf.reshape(true, (-1,)), tf.int64)
        return tf.cast(tf.equal(tf.argmax(found, axis=-1), labels), tf.float32)

    return [accuracy]


def _shaped(function: Callable[[Any, Any], Any], model: Any, training: Training) -> Callable[[Any, Any], Any]:
    """``function`` of labels and outputs in the shapes, and labels in the type, that the user knows them by."""
    import tensorflow as tf

    shape, kind = training.y.shape[1:], tf.as_dtype(training.y.dtype)
    outputs = tuple(model.outputs[0].shape)[1:]

    def called(true: Any, found: Any) -> Any:
        return function(tf.cast(tf.reshape(true, (-1, *shape)), kind), tf.reshape(found, (-1, *outputs)))

    return called


def _try(function: Callable[[Any, Any], Any], model: Any, training: Training, what: str) -> None:
    """One call on a few samples.

    Raises:
        UsageError: it raises, or what it gives is no number.
    """
    place = f"compress.{what}"
    count = min(_TRIED, len(training.x))
    found = model(training.x[:count], training=False)
    try:
        values = np.asarray(function(training.y[:count], found))
    except Exception as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise UsageError(
            place, f"raised {words}", "let it take labels and outputs of a batch, and compute with TensorFlow"
        ) from error
    numbers = values.dtype.kind in "fiub" and np.isfinite(values.astype(np.float64)).all()
    if values.shape not in ((), (count,)) or not numbers:
        raise UsageError(
            place,
            f"gave {values.dtype} of shape {values.shape} for {count} samples"
            + ("" if numbers else ", not all finite"),
            "let it give one number, or one a sample",
        )
