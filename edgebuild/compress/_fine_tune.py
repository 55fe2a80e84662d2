"""Fine-tuning, as every technique that trains needs it: loss by the model's output, BatchNorm that keeps up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.compress import Training, _keep, _own, _teacher, _watch
from edgebuild.errors import UsageError

MOMENTUM = 0.9
"""BatchNorm's default 0.99 leaves the moving statistics behind after the few hundred steps of a fine-tune;
measured on Fashion-MNIST, 0.9 gains one to eight points."""

_ASKED = 64
"""Samples whose answers tell probabilities from logits."""


@dataclass(frozen=True, eq=False)
class _Objective:
    """What to learn.

    Attributes:
        targets: ``y_true`` of ``loss`` and ``metrics``, in the order of the training samples.
        loss, metrics: as ``tf_keras.Model.compile`` takes them.
    """

    targets: NDArray[Any]
    loss: Any
    metrics: list[Any]


def fit(
    model: Any,
    training: Training,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    callbacks: Sequence[Any] = (),
    progress: Callable[[float], None],
    temperature: float = _teacher.TEMPERATURE,
    around: Callable[[Any], Any] | None = None,
    settled: float = 0.0,
) -> None:
    """Train the tf_keras ``model`` in place, with a learning rate that falls from ``learning_rate`` to 0 as a cosine.

    So short a training ends well only at a small rate: on Fashion-MNIST that is worth a point or more.
    What earlier steps made of the weights stays: pruned weights remain zero, clustered ones remain clustered.
    It learns the labels, with the user's loss or the one that suits the model's output, mixed with the answers of
    ``training.teacher`` if it has any.

    Args:
        temperature: at which soft labels are compared with that teacher's.
        around: makes the Keras model whose training trains ``model``, for losses on more than the outputs.
        settled: share of the steps after which an epoch may be the best: a schedule must have come to its end.

    Raises:
        UsageError: the labels do not go with the model's output, or the user's loss fails.
    """
    import tf_keras

    objective = _objective(model, training, temperature)
    course, x, y = training.course, training.x, objective.targets
    more: dict[str, Any] = {}
    if course.validation:
        chosen, aside = _watch.apart(len(x), course.validation, training.seed)
        more = {"validation_data": (x[aside], y[aside]), "validation_batch_size": batch_size}
        x, y = x.take(chosen), y[chosen]
        callbacks = [*callbacks, _watch.best(course.patience, max(0, math.ceil(settled * epochs - 1e-9) - 1))]
    for layer in layers(model):
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = MOMENTUM
    total = all_steps(training, epochs, batch_size)
    falling = tf_keras.optimizers.schedules.CosineDecay(learning_rate, total)
    trained = model if around is None else around(model)
    trained.compile(
        optimizer=tf_keras.optimizers.Adam(falling), loss=objective.loss, metrics=[] if around else objective.metrics
    )
    trained.fit(
        x[:],
        y,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=True,
        verbose=0,
        callbacks=[*_keep.callbacks(model), *callbacks, _watch.teller(training.tell, progress, total)],
        **more,
    )


def _objective(model: Any, training: Training, temperature: float) -> _Objective:
    """The labels, mixed with what the teacher of ``training`` answers, if it has one."""
    hard, share, labels = loss(model, training), training.course.distill, training.y
    if training.teacher is None or share == 0:
        return _Objective(labels, hard, _own.metrics(model, training, 0))
    if training.teacher.shape[1:] != tuple(model.outputs[0].shape)[1:]:
        raise UsageError(
            training.place,
            f"the teacher answers with {training.teacher.shape[1:]}, the student with {model.outputs[0].shape[1:]}",
            "let both have the same classes",
        )
    columns = int(np.prod(labels.shape[1:], dtype=int))
    classes = _teacher.classifies(labels, training.teacher.shape[-1])
    raw = bool(classes and not _teacher.distributions(training.teacher))
    ours = not gives_probabilities(model, training)
    mixed = _teacher.loss(
        hard, share=share, labels=columns, classes=classes, logits=(raw, ours), temperature=temperature
    )
    return _Objective(_teacher.targets(labels, training.teacher), mixed, _own.metrics(model, training, columns))


def steps(samples: int, batch_size: int) -> int:
    """Optimizer steps in an epoch."""
    return -(-samples // batch_size)


def all_steps(training: Training, epochs: int, batch_size: int) -> int:
    """Optimizer steps of a whole fine-tuning, without the samples that are kept aside."""
    share, count = training.course.validation, len(training.x)
    return epochs * steps(len(_watch.apart(count, share, training.seed)[0]) if share else count, batch_size)


def layers(model: Any) -> Iterator[Any]:
    """All layers, those of nested models included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from layers(layer)


def loss(model: Any, training: Training) -> Any:
    """The user's own, or the loss that suits output and labels: cross-entropy for classes, else mean squared error.

    Raises:
        UsageError: a label is not a class of the model, targets have another shape than the output, or the user's own
            loss fails.
    """
    import tf_keras

    if len(model.outputs) != 1:
        raise UsageError(
            training.place, f"the model has {len(model.outputs)} outputs; fine-tuning knows one", "remove the step"
        )
    if training.loss is not None:
        return _own.loss(model, training)
    shape = tuple(model.outputs[0].shape)[1:]
    labels = training.y
    probabilities = gives_probabilities(model, training)
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


def gives_probabilities(model: Any, training: Training) -> bool:
    """Whether the model's output is probabilities, and not logits.

    Where no activation at its end says it, such as in a layer of the user's own, its answers to a few samples do.
    """
    if last_activation(model) in ("softmax", "sigmoid"):
        return True
    answers = np.asarray(model(training.x[:_ASKED], training=False))
    return answers.ndim == 2 and answers.shape[1] > 1 and _teacher.distributions(answers)


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
