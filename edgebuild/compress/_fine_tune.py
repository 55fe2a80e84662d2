"""Fine-tuning, as every technique that trains needs it: loss by the model's output, BatchNorm that keeps up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgebuild.compress import Training
from edgebuild.errors import UsageError

MOMENTUM = 0.9
"""BatchNorm's default 0.99 leaves the moving statistics behind after the few hundred steps of a fine-tune;
measured on Fashion-MNIST, 0.9 gains one to eight points."""


def fit(
    model: Any,
    training: Training,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    callbacks: Sequence[Any] = (),
    progress: Callable[[float], None],
) -> None:
    """Train the tf_keras ``model`` in place, with a learning rate that falls from ``learning_rate`` to 0 as a cosine.

    So short a training ends well only at a small rate: on Fashion-MNIST that is worth a point or more.

    Raises:
        UsageError: the labels do not go with the model's output.
    """
    import tf_keras

    for layer in layers(model):
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = MOMENTUM
    total = epochs * steps(len(training.x), batch_size)
    done = 0

    def count(batch: int, logs: object) -> None:
        nonlocal done
        done += 1
        progress(done / total)

    falling = tf_keras.optimizers.schedules.CosineDecay(learning_rate, total)
    model.compile(optimizer=tf_keras.optimizers.Adam(falling), loss=loss(model, training))
    model.fit(
        training.x,
        training.y,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=True,
        verbose=0,
        callbacks=[*callbacks, tf_keras.callbacks.LambdaCallback(on_batch_end=count)],
    )


def steps(samples: int, batch_size: int) -> int:
    """Optimizer steps in an epoch."""
    return -(-samples // batch_size)


def layers(model: Any) -> Iterator[Any]:
    """All layers, those of nested models included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from layers(layer)


def loss(model: Any, training: Training) -> Any:
    """The loss that suits output and labels: cross-entropy for integer labels, else mean squared error.

    Raises:
        UsageError: a label is not a class of the model, or targets have another shape than the output.
    """
    import tf_keras

    if len(model.outputs) != 1:
        raise UsageError(
            training.place, f"the model has {len(model.outputs)} outputs; fine-tuning knows one", "remove the step"
        )
    shape = tuple(model.outputs[0].shape)[1:]
    labels = training.y
    probabilities = _last_activation(model) in ("softmax", "sigmoid")
    if np.issubdtype(labels.dtype, np.integer) and labels.ndim == 1 and len(shape) == 1:
        classes = 2 if shape[0] == 1 else shape[0]
        if labels.min() < 0 or labels.max() >= classes:
            raise UsageError(
                training.place,
                f"has the label {int(labels.max() if labels.max() >= classes else labels.min())}, "
                f"but the model has the classes 0 to {classes - 1}",
                "number the classes from 0, in the order of the model's output",
            )
        if shape[0] == 1:
            return tf_keras.losses.BinaryCrossentropy(from_logits=not probabilities)
        return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)
    if labels.shape[1:] != shape:
        raise UsageError(
            training.place,
            f"has labels of shape {labels.shape[1:]}, but the model's output has {shape}",
            "give integer labels, one a sample, or targets of the output's shape",
        )
    return tf_keras.losses.MeanSquaredError()


def _last_activation(model: Any) -> str:
    """Name of the activation at the model's output."""
    layer = model.layers[-1]
    while True:
        if hasattr(layer, "layers"):
            layer = layer.layers[-1]
        elif hasattr(layer, "layer"):
            layer = layer.layer
        else:
            break
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))
