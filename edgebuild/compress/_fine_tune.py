"""Fine-tuning, as every technique that trains needs it: loss by the model's output, BatchNorm that keeps up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebuild.compress import Training, _keep, _teacher
from edgebuild.errors import UsageError

MOMENTUM = 0.9
"""BatchNorm's default 0.99 leaves the moving statistics behind after the few hundred steps of a fine-tune;
measured on Fashion-MNIST, 0.9 gains one to eight points."""


@dataclass(frozen=True, eq=False)
class Objective:
    """What to learn instead of the labels alone, for example a teacher's answers.

    Attributes:
        targets: as ``tf_keras.Model.fit`` takes them, in the order of the training samples.
        loss: as ``tf_keras.Model.compile`` takes it.
        loss_weights: likewise.
    """

    targets: Any
    loss: Any
    loss_weights: Any = None


def fit(
    model: Any,
    training: Training,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    callbacks: Sequence[Any] = (),
    progress: Callable[[float], None],
    objective: Objective | None = None,
    temperature: float = _teacher.TEMPERATURE,
    around: Callable[[Any], Any] | None = None,
) -> None:
    """Train the tf_keras ``model`` in place, with a learning rate that falls from ``learning_rate`` to 0 as a cosine.

    So short a training ends well only at a small rate: on Fashion-MNIST that is worth a point or more.
    What earlier steps made of the weights stays: pruned weights remain zero, clustered ones remain clustered.

    Args:
        objective: what to learn; None: the labels, with the loss that suits the model's output, mixed with the
            answers of ``training.teacher`` if it has any.
        temperature: at which soft labels are compared with that teacher's.
        around: makes the Keras model whose training trains ``model``, for losses on more than the outputs.

    Raises:
        UsageError: the labels do not go with the model's output.
    """
    import tf_keras

    if objective is None:
        objective = _objective(model, training, temperature)
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
    trained = model if around is None else around(model)
    optimizer = tf_keras.optimizers.Adam(falling)
    trained.compile(optimizer=optimizer, loss=objective.loss, loss_weights=objective.loss_weights)
    trained.fit(
        training.x,
        objective.targets,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=True,
        verbose=0,
        callbacks=[*callbacks, *_keep.callbacks(model), tf_keras.callbacks.LambdaCallback(on_batch_end=count)],
    )


def _objective(model: Any, training: Training, temperature: float) -> Objective:
    """The labels, mixed with what the teacher of ``training`` answers, if it has one."""
    hard = loss(model, training)
    if training.teacher is None or training.share == 0:
        return Objective(training.y, hard)
    if training.teacher.shape[1:] != tuple(model.outputs[0].shape)[1:]:
        raise UsageError(
            training.place,
            f"the teacher answers with {training.teacher.shape[1:]}, the student with {model.outputs[0].shape[1:]}",
            "let both have the same classes",
        )
    labels = int(np.prod(training.y.shape[1:], dtype=int))
    classes = _teacher.classifies(training.y, training.teacher.shape[-1])
    sums = np.abs(training.teacher.sum(axis=-1) - 1).max() if classes else 0.0
    raw = bool(classes and (sums > 1e-3 or training.teacher.min() < 0))
    ours = last_activation(model) not in ("softmax", "sigmoid")
    mixed = _teacher.loss(
        hard, share=training.share, labels=labels, classes=classes, logits=(raw, ours), temperature=temperature
    )
    return Objective(_teacher.targets(training.y, training.teacher), mixed)


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
    probabilities = last_activation(model) in ("softmax", "sigmoid")
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


def last_activation(model: Any) -> str:
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
