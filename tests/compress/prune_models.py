"""Prunes several models in one process with TensorFlow and prints what came of it as JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tf_keras

from edgebuild import compress
from edgebuild.compress import Fed, Training, _fine_tune, prune
from edgebuild.errors import UsageError

layers = tf_keras.layers
RANDOM = np.random.default_rng(3)
FOUND: dict[str, Any] = {}


def images() -> Any:
    """A network with a nested model, a depthwise layer and BatchNorm."""
    inner = tf_keras.Sequential(
        [layers.Input((4, 4, 8)), layers.Conv2D(8, 1, name="deep"), layers.BatchNormalization(name="deep_norm")],
        name="inner",
    )
    image = layers.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="first")(image)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.PReLU(name="slope")(layers.Conv2D(8, 1, name="pointwise")(x))
    x = layers.GlobalAveragePooling2D()(inner(x))
    return tf_keras.Model(image, layers.Dense(3, activation="softmax", name="classifier")(x))


def training(labels: Any, shape: tuple[int, ...] = (8, 8, 1)) -> Training:
    return Training(Fed((RANDOM.random((64, *shape), dtype=np.float32),)), np.asarray(labels), "data.npz", 1)


def zeros(model: Any) -> dict[str, float]:
    """Share of zeros in the kernel of every layer that has one."""
    found = {}
    for layer in _fine_tune.layers(model):
        kernel = getattr(layer, "kernel", getattr(layer, "depthwise_kernel", None))
        if kernel is not None:
            found[layer.name] = float(np.mean(np.asarray(kernel) == 0))
    return found


def refused(name: str, model: Any, data: Training, **values: Any) -> None:
    settings = compress.settings("prune", values)
    technique = compress.find("prune")
    try:
        technique.check(model, settings)
        technique.apply(model, data, settings, lambda fraction: None)
    except UsageError as error:
        FOUND[name] = str(error)


def pruned(name: str, model: Any, data: Training, **values: Any) -> None:
    progress: list[float] = []
    settings = compress.settings("prune", {"batch_size": 8, **values})
    result = compress.find("prune").apply(model, data, settings, progress.append)
    norms = [layer.momentum for layer in _fine_tune.layers(result) if "Normalization" in type(layer).__name__]
    FOUND[name] = {
        "zeros": zeros(result),
        "layers": [layer.name for layer in _fine_tune.layers(result)],
        "progress": progress,
        "momentum": norms,
    }


def main() -> None:
    labels = RANDOM.integers(0, 3, 64)
    pruned("polynomial", images(), training(labels), sparsity=0.75, epochs=2)
    pruned("constant", images(), training(labels), sparsity=0.5, epochs=1, schedule="constant", layers=["first"])
    odd = tf_keras.Sequential([layers.Input((7,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    pruned("regression", odd, training(RANDOM.random((64, 2)), (7,)), sparsity=0.9, epochs=1)

    refused("label", images(), training(labels + 1))
    refused("targets", images(), training(RANDOM.random((64, 2))))
    refused("unknown", images(), training(labels), layers=["pointwse"])
    refused("prunable", images(), training(labels), layers=["slope"])
    small = tf_keras.Sequential([layers.Input((7,)), layers.Dense(3, name="only")])
    refused("nothing", small, training(labels, (7,)))

    logits = tf_keras.Sequential([layers.Input((7,)), layers.Dense(1)])
    sigmoid = tf_keras.Sequential([layers.Input((7,)), layers.Dense(1, activation="sigmoid")])
    tail = tf_keras.Sequential([layers.Input((7,)), layers.Dense(3), layers.Softmax()])
    behind = tf_keras.Sequential([layers.Input((7,)), layers.Dense(3), layers.Softmax(), layers.Reshape((3,))])
    two = training(RANDOM.integers(0, 2, 64), (7,))
    FOUND["losses"] = [
        [type(loss).__name__, loss.get_config().get("from_logits")]
        for loss in (_fine_tune.loss(model, two) for model in (logits, sigmoid, small, tail, behind))
    ]
    FOUND["default"] = sorted(prune._choose(images(), compress.settings("prune", {})))
    sys.stdout.write(json.dumps(FOUND))


main()
