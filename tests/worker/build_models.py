"""Builds every model that the tests of the model half use: ``python build_models.py FOLDER``.

Runs in a process of its own, so that the tests themselves never import TensorFlow.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf
import tf_keras


def net(k: Any) -> Any:
    """Image 8 x 8 x 1 to 3 classes, with the kinds of layers that small vision models have."""
    layers = k.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Conv2D(8, 1, activation="relu", name="pointwise")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return k.Model(image, layers.Dense(3, activation="softmax", name="classifier")(x), name="net")


def fusion(k: Any) -> Any:
    """An image and a vector of a wholly other range; the names are not in the order of the alphabet."""
    layers = k.layers
    image, vector = layers.Input((8, 8, 1), name="image"), layers.Input((6,), name="force")
    seen = layers.GlobalAveragePooling2D(name="pool")(layers.Conv2D(4, 3, activation="relu", name="see")(image))
    felt = layers.Dense(4, activation="relu", name="feel")(vector)
    both = layers.Concatenate(name="fuse")([seen, felt])
    return k.Model([image, vector], layers.Dense(3, activation="softmax", name="classifier")(both), name="fusion")


def chain(k: Any, shape: tuple[int | None, ...], *middle: Any, **keywords: Any) -> Any:
    """Input, ``middle``, a classifier."""
    layers = [k.layers.Input(shape, name="image", **keywords), *middle, k.layers.Dense(3, name="classifier")]
    return k.Sequential(layers)


def build(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    tf_keras.utils.set_random_seed(1)
    x = np.random.default_rng(2).random((40, 8, 8, 1), dtype=np.float32)
    modern, legacy = net(keras), net(tf_keras)
    modern.save(folder / "modern.keras")
    modern.save(folder / "modern.h5")
    legacy.save(folder / "legacy.keras")
    legacy.save(folder / "legacy.h5")
    modern.export(folder / "exported", verbose=False)
    answers = {"modern": np.asarray(modern(x)), "legacy": np.asarray(legacy(x))}
    np.savez(folder / "answers.npz", x=x, **answers)
    for name, values in answers.items():
        np.savez(folder / f"{name}_data.npz", x=x, y=values.argmax(axis=1))

    flat = tf_keras.layers.Flatten
    dense = tf_keras.layers.Dense
    chain(tf_keras, (8, 8, 1), flat(), dense(4, activation="elu", name="bend")).save(folder / "elu.h5")
    chain(tf_keras, (6, 4), tf_keras.layers.GRU(5, name="recur")).save(folder / "gru.h5")
    chain(keras, (None, 4), keras.layers.GlobalAveragePooling1D()).save(folder / "dynamic.keras")
    chain(keras, (4,), batch_size=32).save(folder / "batch32.keras")
    culprit = keras.layers.Dense(4, activation="hard_sigmoid", name="culprit")
    chain(keras, (8, 8, 1), keras.layers.Flatten(), culprit).save(folder / "other_arithmetic.keras")
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    keras.Model([one, two], keras.layers.Add()([one, two])).save(folder / "two_inputs.keras")
    legacy.save_weights(folder / "weights.h5")
    for k, name in ((keras, "modern"), (tf_keras, "legacy")):
        fused = fusion(k)
        fused.save(folder / f"fusion_{name}.keras")
        inputs = {"x0": x, "x1": (x[:, :6, 0, 0] - 0.5) * 20}
        labels = np.asarray(fused([inputs["x0"], inputs["x1"]])).argmax(axis=1)
        np.savez(folder / f"fusion_{name}.npz", **inputs, y=labels)

    marker = str(folder / "lambda_ran")
    touch = tf_keras.layers.Lambda(lambda v, path=marker: (__import__("pathlib").Path(path).touch(), v)[1], name="evil")
    chain(tf_keras, (4,), touch).save(folder / "lambda.h5")
    Path(marker).unlink()

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 4), name="x")])
        def __call__(self, value: Any) -> Any:
            tf.io.write_file(str(folder / "graph_ran"), "x")
            return value * 2.0

    class Special(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
        def __call__(self, value: Any) -> Any:
            return tf.math.erfc(value)

    for name, module in (("writer", Writer()), ("special", Special())):
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.__call__})

    from tensorflow.core.protobuf import saved_model_pb2

    parsed = saved_model_pb2.SavedModel()
    parsed.ParseFromString((folder / "exported" / "saved_model.pb").read_bytes())
    graph = parsed.meta_graphs[0].graph_def
    operations = [[node.op, node.name, ""] for node in graph.node]
    for function in graph.library.function:
        operations += [[node.op, node.name, function.signature.name] for node in function.node_def]
    (folder / "operations.json").write_text(json.dumps(operations))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
