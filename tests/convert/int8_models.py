"""Quantizes small models in one process with TensorFlow and prints what came of it as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tf_keras

from edgebuild import convert, loaders
from edgebuild.convert import _equalize, _errors, _flatbuffer, _levels, _ranges, _search, _statistics
from edgebuild.errors import EdgebuildError

layers = tf_keras.layers
RANDOM = np.random.default_rng(7)
FOUND: dict[str, Any] = {}
NO = {"equalize": "no", "correct_bias": "no"}


def wild() -> Any:
    """Channels of very different sizes, depthwise layers, and a few outliers that min-max ranges suffer from."""
    tf_keras.utils.set_random_seed(2)
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, activation="relu", name="first")(image)
    x = layers.DepthwiseConv2D(3, activation="relu", name="deep")(x)
    x = layers.Conv2D(8, 1, activation="relu", name="point")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(layers.Flatten()(x))
    model = tf_keras.Model(image, layers.Dense(4, activation="softmax", name="classes")(x), name="wild")
    for name in ("first", "deep"):
        kernel, bias = model.get_layer(name).get_weights()
        size = np.geomspace(0.05, 20, 8).astype(np.float32)
        model.get_layer(name).set_weights([kernel * (size[:, None] if name == "deep" else size), bias + 0.1])
    return model


def samples(count: int, outliers: bool = False) -> Any:
    x = RANDOM.random((count, 8, 8, 3), dtype=np.float32) - 0.3
    if outliers:
        x[5, 0, 0] = x[10, 3, 3] = 60.0
    return x


def source(model: Any) -> convert.Source:
    loaded = loaders.of_tf_keras(model, Path("net.h5"))
    inputs = tuple(convert.Port(one.name, one.shape, one.dtype) for one in loaded.inputs)
    return convert.Source("net.h5", loaded.name, loaded.call, inputs, loaded.layers, loaded.variables)


def made(model: Any, x: Any, precision: str = "int8", io: str = "int8", **values: Any) -> convert.Result:
    settings, _ = convert.settings(precision, values)
    return convert.find(precision).convert(source(model), x, io, lambda fraction: None, settings)


def error(content: bytes, model: Any, x: Any) -> float:
    """Mean squared error of the probabilities."""
    names = [_flatbuffer.name(_flatbuffer.read(content).subgraphs[0].tensors[i]) for i in _outputs(content)]
    return float(((_errors.answers(content, x, names) - model.predict(x, verbose=0)) ** 2).mean())


def _outputs(content: bytes) -> list[int]:
    return [int(index) for index in _flatbuffer.read(content).subgraphs[0].outputs]


def searching() -> None:
    model, x, unseen = wild(), samples(64, outliers=True), samples(64)
    automatic = made(model, x)
    losses = {method: made(model, x, ranges=method, **NO).facts["loss"] for method in _ranges.METHODS}
    tried = automatic.facts["tried"]
    FOUND["auto"] = {
        "chosen": automatic.facts["loss"],
        "least": min(one["loss"] for one in tried),
        "tried": len(tried),
        "losses": losses,
        "worst": automatic.facts["worst"].split()[0],
        "first": automatic.facts["layers"][0]["layer"],
        "same": made(model, x).content == automatic.content,
    }
    FOUND["unseen"] = [
        error(made(model, x, ranges="min_max", **NO).content, model, unseen),
        error(automatic.content, model, unseen),
    ]


def equalizing() -> None:
    model, x = wild(), samples(48)
    plain = convert.find("float32").convert(source(model), None, "float32", lambda fraction: None).content
    seen = _statistics.collect(plain, x, lambda fraction: None)
    scaled = _equalize.equalized(plain, seen)
    assert scaled is not None
    names, _ = _errors.decisive(_flatbuffer.read(plain))
    before, after = _errors.answers(plain, x, names), _errors.answers(scaled, x, names)
    flow = _statistics.collect(scaled, x, lambda fraction: None)
    spread = {}
    for index, tensor in enumerate(_flatbuffer.read(plain).subgraphs[0].tensors):
        if index in seen and _flatbuffer.layer(tensor) == "first":
            spread["first"] = [float(s[index].largest.max() / s[index].largest.min()) for s in (seen, flow)]
    FOUND["equalized"] = {
        "difference": float(np.abs(before - after).max() / np.abs(before).max()),
        "spread": spread["first"],
        "loss": [
            made(model, x, ranges="min_max", equalize=way, correct_bias="no").facts["loss"] for way in ("no", "yes")
        ],
    }
    again, other = _flatbuffer.read(plain), _flatbuffer.read(scaled)
    operator = again.subgraphs[0].operators[1]
    kernels = [_flatbuffer.constant(t, t.subgraphs[0].tensors[operator.inputs[1]]) for t in (again, other)]
    FOUND["equalized"]["moved"] = float(np.abs(kernels[0] - kernels[1]).max()) > 0


def correcting() -> None:
    tf_keras.utils.set_random_seed(3)
    model = tf_keras.Sequential([layers.Input((400,)), layers.Dense(6, name="only")])
    kernel = np.full((400, 6), 0.0108, np.float32) * RANDOM.choice([1.0, 1.2, 0.7], (400, 6)).astype(np.float32)
    kernel[0] = 1.0
    model.set_weights([kernel, np.linspace(-1, 1, 6).astype(np.float32)])
    x = RANDOM.random((64, 400), dtype=np.float32)
    expected = model.predict(x, verbose=0).mean(axis=0)
    off = []
    for way in ("no", "yes"):
        content = made(model, x, ranges="min_max", equalize="no", correct_bias=way).content
        names = [_flatbuffer.name(_flatbuffer.read(content).subgraphs[0].tensors[i]) for i in _outputs(content)]
        off.append(float(np.abs(_errors.answers(content, x, names).mean(axis=0) - expected).max()))
    FOUND["corrected"] = off


def forms() -> None:
    model, x = wild(), samples(40)
    FOUND["types"] = {
        name: sorted({_flatbuffer.dtype(t) for t in _flatbuffer.read(content).subgraphs[0].tensors})
        for name, content in (
            ("int8", made(model, x).content),
            ("int16x8", made(model, x, "int16x8", "float32").content),
            ("float16", made(model, None, "float16", "float32").content),
            ("dynamic", made(model, None, "dynamic", "float32").content),
            ("keep", made(model, x, io="float32", keep=["hidden"]).content),
        )
    }
    scales = []
    for dense in ("per_channel", "per_tensor"):
        tree = _flatbuffer.read(made(model, x, dense=dense).content)
        operator = next(op for op in tree.subgraphs[0].operators if _flatbuffer.kind(tree, op) == "FULLY_CONNECTED")
        scales.append(len(tree.subgraphs[0].tensors[operator.inputs[1]].quantization.scale))
    FOUND["scales"] = scales
    bent = tf_keras.Sequential([layers.Input((8,)), layers.Dense(4, activation="elu", name="bend"), layers.Dense(2)])
    vectors = RANDOM.random((40, 8), dtype=np.float32)
    for name, act in (
        ("elu", lambda: made(bent, vectors)),
        ("elu16", lambda: made(bent, vectors, "int16x8", "float32")),
        ("keep", lambda: made(model, x, keep=["hiden"])),
    ):
        try:
            act()
        except EdgebuildError as refusal:
            FOUND[name] = str(refusal)
    recurrent = tf_keras.Sequential([layers.Input((6, 4)), layers.LSTM(5, name="recur"), layers.Dense(2)])
    FOUND["recurrent"] = made(recurrent, RANDOM.random((20, 6, 4), dtype=np.float32)).facts


def levelled() -> None:
    """Factors without biases, whose zeros the converter keeps once for all of them, with weights of 16 levels."""
    tf_keras.utils.set_random_seed(3)
    image = x = layers.Input((8, 8, 3), name="image")
    for number in range(3):
        x = layers.Conv2D(8, 1, use_bias=False, name=f"thin_{number}")(x)
        x = layers.Conv2D(8, 1, use_bias=number > 0, activation="relu", name=f"wide_{number}")(x)
    model = tf_keras.Model(image, layers.GlobalAveragePooling2D()(x), name="factors")
    for layer in model.layers[1:-1]:
        kernel, *bias = layer.get_weights()
        steps = RANDOM.uniform(0.02, 0.05, kernel.shape[-1])
        layer.set_weights([(RANDOM.integers(-7, 8, kernel.shape) * steps).astype(np.float32), *bias])
    result = made(model, samples(40))
    kept = [_levels.of(one.channels) is not None for one in _flatbuffer.weights_in(result.content)]
    FOUND["levelled"] = {"kept": kept, "loss": result.facts["loss"]}


def main() -> None:
    assert _search._EVERY == 4
    for part in (searching, equalizing, correcting, forms, levelled):
        part()
    sys.stdout.write(json.dumps(FOUND))


main()
