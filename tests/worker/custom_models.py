"""Builds the models of ``test_custom.py``: ``python custom_models.py FOLDER``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import custom_layers as own
import keras
import numpy as np
import tf_keras


def net(k: Any, *, activation: Any, after: Any = None, scale: Any, mix: Any) -> Any:
    """Image 8 x 8 x 1 to 3 classes, with layers of the user's own among Keras's."""
    layers = k.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    x = scale(start=0.7, name="scale")(x)
    x = layers.Conv2D(8, 1, activation=activation, name="pointwise")(x)
    x = layers.Conv2D(16, 1, activation="relu", name="wide")(x)
    x = layers.Conv2D(8, 3, activation="relu", name="narrow")(x)
    x = x if after is None else after(x)
    x = mix(name="mix")(layers.GlobalAveragePooling2D(name="pool")(x))
    return k.Model(image, layers.Dense(3, activation="softmax", name="classifier")(x), name="net")


def build(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    tf_keras.utils.set_random_seed(1)
    legacy = {"scale": own.Scale2, "mix": own.Mix2}
    modern = net(keras, activation=own.squash, scale=own.Scale3, mix=own.Mix3)
    modern.save(folder / "modern.keras")
    modern.save(folder / "modern.h5")
    old = net(tf_keras, activation=own.squash, **legacy)
    old.save(folder / "legacy.keras")
    # tf_keras cannot read back a function of one's own from the .h5 that it writes
    plain = net(tf_keras, activation="relu6", **legacy)
    plain.save(folder / "plain.h5")
    net(keras, activation="relu", after=own.Only3(name="only"), scale=own.Scale3, mix=own.Mix3).save(
        folder / "only3.keras"
    )
    for layer in (own.Curved, own.Fixed, own.Block):
        name = layer.__name__.lower()
        net(tf_keras, activation="relu", after=layer(name=name), **legacy).save(folder / f"{name}.keras")
    x = np.random.default_rng(2).random((40, 8, 8, 1), dtype=np.float32)
    for name, model in (("modern", modern), ("legacy", old), ("plain", plain)):
        np.savez(folder / f"{name}.npz", x=x, y=np.asarray(model(x)).argmax(axis=1), answers=np.asarray(model(x)))


def rounded(folder: Path) -> None:
    """How far a layer of the user's own is from itself in quantization-aware training."""
    from edgebuild.compress import _rounded

    value = tf_keras.layers.Input((6,), name="value")
    model = tf_keras.Model(value, own.Gate(name="gate")(value))
    x = np.random.default_rng(3).normal(size=(64, 6)).astype(np.float32)
    trained = _rounded.rounded(model, per_tensor=False)
    for _ in range(8):
        trained(x, training=True)
    difference = float(np.abs(np.asarray(trained(x)) - np.asarray(model(x))).max())
    (folder / "rounded.json").write_text(json.dumps(difference))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    rounded(Path(sys.argv[1]))
