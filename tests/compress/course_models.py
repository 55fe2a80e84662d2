"""Fine-tunes small models in one process with TensorFlow, watched in every way, and prints what came of it as JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tensorflow as tf
import tf_keras

from edgebuild import compress
from edgebuild.compress import Course, Fed, Training, _fine_tune, _watch
from edgebuild.errors import UsageError

tf.config.experimental.enable_op_determinism()
RANDOM = np.random.default_rng(3)
X = RANDOM.random((100, 8), dtype=np.float32)
LABELS = (X[:, 0] > X[:, 1]).astype(np.int64) + (X[:, 2] > 0.7)
FOUND: dict[str, Any] = {}


def net(activation: str | None = "softmax") -> Any:
    tf_keras.utils.set_random_seed(1)
    layers = [tf_keras.layers.Dense(16, activation="relu", name="wide"), tf_keras.layers.Dense(12, name="hidden")]
    return tf_keras.Sequential(
        [tf_keras.layers.Input((8,)), *layers, tf_keras.layers.Dense(3, activation=activation, name="classes")]
    )


def fitted(model: Any, epochs: int = 6, rate: float = 0.02, **more: Any) -> list[str]:
    """What was told."""
    told: list[str] = []
    tf_keras.utils.set_random_seed(1)
    training = Training(Fed((X,)), more.pop("y", LABELS), "data.npz", 1, tell=told.append, **more)
    _fine_tune.fit(
        model,
        training,
        epochs=epochs,
        batch_size=10,
        learning_rate=rate,
        progress=lambda done: told.append(f"{done:.2f}"),
    )
    return told


def last(told: list[str]) -> str:
    """The last words on loss and metric."""
    return [one for one in told if one.startswith("loss")][-1]


def watched() -> None:
    """The epoch with the least loss on the samples kept aside is what is left."""
    model = net()
    told = fitted(model, 30, 0.2, course=Course(validation=0.3))
    _, aside = _watch.apart(len(X), 0.3, 1)
    losses = [float(one.split("validation loss ")[1].split(",")[0]) for one in told if "validation" in one]
    found = model(X[aside]).numpy()
    left = float(-np.log(found[np.arange(len(aside)), LABELS[aside]]).mean())
    FOUND["watched"] = {"losses": losses, "left": left, "words": told[0], "last": told[-1]}
    FOUND["watched"]["aside"] = [len(aside), len(set(aside.tolist()))]


def stopped() -> None:
    """A rate at which nothing is learnt: the first epoch remains the best."""
    told = fitted(net(), 10, 1e-12, course=Course(validation=0.2, patience=2))
    FOUND["stopped"] = sum("validation" in one for one in told)
    model = net()
    settings = compress.settings(
        "prune", {"sparsity": 0.75, "epochs": 5, "batch_size": 10, "layers": ["wide", "hidden"]}
    )
    course = compress.course("prune", {"validation": 0.5, "patience": 1})
    pruned = compress.find("prune").apply(
        model, Training(Fed((X,)), LABELS, "d", 1, course=course), settings, lambda _: None
    )
    FOUND["zeros"] = [float((pruned.get_layer(name).kernel.numpy() == 0).mean()) for name in ("wide", "hidden")]


def own() -> None:
    """The user's loss and metric see labels and outputs in the shapes that the data and the model have."""
    seen: list[Any] = []

    def focal(true: Any, found: Any) -> Any:
        seen.append([true.dtype.name, [None if n is None else int(n) for n in found.shape[1:]]])
        right = tf.gather(found, true, batch_dims=1)
        return -((1 - right) ** 2) * tf.math.log(right + 1e-7)

    def share_of_top_two(true: Any, found: Any) -> Any:
        return tf.cast(tf.math.in_top_k(true, found, 2), tf.float32)

    plain, mixed = net(), net()
    teacher = net()(X).numpy()
    FOUND["metric"] = last(fitted(plain, loss=focal, metric=share_of_top_two))
    course = Course(distill=0.5)
    FOUND["mixed"] = last(fitted(mixed, loss=focal, metric=share_of_top_two, teacher=teacher, course=course))
    FOUND["seen"] = [entry for n, entry in enumerate(seen) if entry not in seen[:n]]
    accuracy = float((plain(X).numpy().argmax(1) == LABELS).mean())
    FOUND["learnt"] = accuracy
    targets = RANDOM.random((100, 3)).astype(np.float32)
    FOUND["targets"] = last(fitted(net(None), y=targets, loss=lambda true, found: tf.abs(true - found)[:, 0]))
    for name, more in (
        ("raises", {"loss": lambda true, found: 1 / 0}),
        ("shape", {"loss": lambda true, found: found}),
        ("infinite", {"loss": lambda true, found: tf.constant(np.inf)}),
        ("bad_metric", {"metric": lambda true, found: found[:, :2]}),
    ):
        try:
            fitted(net(), **more)
        except UsageError as error:
            FOUND[name] = str(error)


for part in (watched, stopped, own):
    part()
sys.stdout.write(json.dumps(FOUND))
