"""Carries Keras 3 models over to tf_keras, all in one process, and prints what came of each as JSON."""

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

from edgebuild import loaders
from edgebuild.errors import UsageError

layers = keras.layers
Input = keras.Input
Model = keras.Model
Sequential = keras.Sequential


def separable() -> Any:
    image = Input((8, 8, 2))
    x = layers.SeparableConv2D(4, 3, depthwise_regularizer="l2", pointwise_constraint=keras.constraints.MaxNorm(2))(
        image
    )
    x = layers.PReLU()(layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(x)))
    return Model(image, layers.Dense(3, activation="gelu")(layers.Flatten()(layers.Concatenate()([x, x]))))


def nested() -> Any:
    inner = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3, padding="same"), layers.ReLU(6)], name="inner")
    second_in = Input((8, 8, 4))
    second_out = layers.Conv2D(2, 3, name="twice")(layers.Add()([second_in, second_in]))
    second = Model(second_in, second_out, name="second")
    image = Input((8, 8, 1))
    return Model(image, layers.GlobalMaxPooling2D()(second(inner(image))))


def nested_output() -> Any:
    inner = Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)], name="inner")
    image = Input((8, 8, 1))
    return Model(image, inner(image))


def shared() -> Any:
    one, two = Input((4,), name="one"), Input((4,), name="two")
    layer = layers.Dense(3)
    return Model([one, two], layers.Subtract()([layer(one), layer(two)]))


def preparing() -> Any:
    norm = layers.Normalization(mean=[0.1, 0.2], variance=[1.0, 2.0])
    start = [Input((8, 8, 2)), layers.Rescaling(1 / 255), norm, layers.RandomFlip(), layers.ZeroPadding2D(1)]
    return Sequential([*start, layers.MaxPooling2D(), layers.Dropout(0.2), layers.Flatten(), layers.Dense(3)])


def recurrent() -> Any:
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    return Sequential([Input((6, 3)), both, layers.TimeDistributed(layers.Dense(2)), layers.GRU(3), layers.Softmax()])


def mobile() -> Any:
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


def arithmetic() -> Any:
    image = Input((8, 8, 1))
    return Model(image, layers.Conv2D(1, 3, padding="same")(image) * 0.5)


def attention() -> Any:
    sequence = Input((6, 4))
    return Model(sequence, layers.MultiHeadAttention(2, 4, name="attend")(sequence, sequence))


def new_layer() -> Any:
    value = Input((6,))
    return Model(value, layers.RMSNormalization(name="rms")(value))


def new_setting() -> Any:
    return Sequential([Input((8, 8, 1)), layers.Resizing(4, 4, pad_to_aspect_ratio=True, name="resize")])


KINDS = (separable, nested, nested_output, shared, preparing, recurrent, mobile, arithmetic, attention, new_layer)


def main(folder: Path) -> None:
    found: dict[str, Any] = {}
    for make in (*KINDS, new_setting):
        keras.utils.set_random_seed(1)
        file = folder / f"{make.__name__}.keras"
        make().save(file)
        loader = loaders.find(loaders.recognise(file))
        loader.inspect(file, allow_unsafe=False)
        loaded = loader.load(file, allow_unsafe=False)
        try:
            carried = loaders.for_compression(loaded, file)
        except UsageError as error:
            found[make.__name__] = str(error).replace(f"{folder}/", "")
            continue
        values = [np.random.default_rng(5).random((3, *i.shape[1:]), dtype=np.float32) for i in loaded.inputs]
        one, other = loaded.call(*values)[0], carried.call(*values)[0]
        found[make.__name__] = [carried.keras, float(np.abs(np.asarray(one) - np.asarray(other)).max())]
    sys.stdout.write(json.dumps(found))


main(Path(sys.argv[1]))
