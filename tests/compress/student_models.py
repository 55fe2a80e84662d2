"""Factorizes and distills small models in one process with TensorFlow and prints what came of it as JSON."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tensorflow as tf
import tf_keras

from edgebuild import compress, models
from edgebuild.compress import (
    Course,
    Fed,
    Training,
    _fine_tune,
    _graph,
    _macs,
    _ranks,
    _rebuild,
    _teacher,
    _width,
    factorize,
)
from edgebuild.errors import UsageError

tf.config.experimental.enable_op_determinism()
layers = tf_keras.layers
RANDOM = np.random.default_rng(3)
FOUND: dict[str, Any] = {}
IMAGES = RANDOM.random((96, 8, 8, 1), dtype=np.float32)
LABELS = (IMAGES[:, :4].mean(axis=(1, 2, 3)) > IMAGES[:, 4:].mean(axis=(1, 2, 3))).astype(np.int64)
BRIEF = {"epochs": 1, "batch_size": 16}


def net() -> Any:
    """KxK, strides, a nested model, a residual sum, a Reshape and a classifier."""
    tf_keras.utils.set_random_seed(1)
    inner = tf_keras.Sequential(
        [layers.Input((4, 4, 16)), layers.Conv2D(16, 1, name="deep"), layers.BatchNormalization(name="deep_norm")],
        name="inner",
    )
    image = layers.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, strides=2, padding="same", name="first", activation="relu")(image)
    y = layers.Conv2D(16, 3, padding="same", name="second", activation="relu", use_bias=False)(x)
    x = inner(layers.Add()([x, y]))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Conv2D(24, (3, 5), strides=(2, 1), padding="valid", name="third", activation="relu", dilation_rate=1)(
        layers.ZeroPadding2D(2)(x)
    )
    x = layers.Flatten()(layers.Reshape((1, 1, 24))(layers.GlobalAveragePooling2D()(x)))
    x = layers.Dense(32, activation="relu", name="hidden")(x)
    return tf_keras.Model(image, layers.Dense(2, activation="softmax", name="classifier")(x), name="net")


def training(**more: Any) -> Training:
    return Training(Fed((IMAGES,)), LABELS, "data.npz", 1, **more)


def digest(model: Any) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in model.get_weights())).hexdigest()


def channels(model: Any) -> dict[str, int]:
    return {
        layer.name: int(layer.get_output_shape_at(0)[-1])
        for layer in _fine_tune.layers(model)
        if hasattr(layer, "kernel")
    }


def refused(name: str, technique: str, model: Any, data: Training, **values: Any) -> None:
    try:
        settings = compress.settings(technique, values)
        compress.find(technique).check(model, settings)
        compress.find(technique).apply(model, data, settings, lambda fraction: None)
    except UsageError as error:
        FOUND[name] = str(error)


def apply(technique: str, model: Any, data: Training, progress: Any = None, **values: Any) -> Any:
    tf_keras.utils.set_random_seed(1)
    settings = compress.settings(technique, {**BRIEF, **values})
    compress.find(technique).check(model, settings)
    return compress.find(technique).apply(model, data, settings, progress or (lambda fraction: None))


def factorization() -> None:
    whole = net()
    FOUND["macs"] = _macs.of_model(whole)
    flat = _graph.flat(whole)
    found = _ranks.find(flat, None, ("channels", "depthwise", "spatial"), IMAGES[:32])
    worst, kinds = 0.0, set()
    for one in found:
        for form in {form.kind: form for form in one.forms}.values():
            kinds.add(form.kind)
            pair = _rebuild.replaced(flat, {one.name: factorize._parts(one, form)})
            kept = one.layer.get_weights()
            one.layer.set_weights(substitute(one, form, kept))
            if one.layer.use_bias or form.kind != "channels":
                worst = max(worst, float(np.abs(np.asarray(pair(IMAGES[:8])) - np.asarray(flat(IMAGES[:8]))).max()))
            grown = _macs.of_model(pair) - _macs.of_model(flat)
            assert grown == form.macs - one.amount(None, "macs"), (one.name, form)
            one.layer.set_weights(kept)
    FOUND["pairs"] = {"layers": sorted(one.name for one in found), "kinds": sorted(kinds), "worst": worst}
    progress: list[float] = []
    soft = _teacher.answers(lambda x: whole(x, training=False), IMAGES)
    for of, keep in (("macs", 0.4), ("weights", 0.5)):
        results = [
            apply(
                "factorize",
                net(),
                training(teacher=soft, course=Course(distill=0.5)),
                progress.append,
                of=of,
                keep=keep,
            )
            for _ in range(2)
        ]
        share = factorize.amount(results[0], of) / factorize.amount(whole, of)
        FOUND[f"keep {of}"] = {"share": share, "same": digest(results[0]) == digest(results[1])}
    FOUND["progress"] = [min(progress), max(progress), all(b >= a - 1 for a, b in itertools.pairwise(progress))]
    one = apply("factorize", net(), training(), keep=0.96, of="weights", layers=["hidden"])
    FOUND["one layer"] = [layer.name for layer in one.layers if hasattr(layer, "kernel")]
    refused("keep", "factorize", net(), training(), keep=0.01)
    refused("layer", "factorize", net(), training(), layers=["hiden"])
    refused("depthwise", "factorize", net(), training(), layers=["depthwise"])


def substitute(one: Any, form: Any, kept: list[Any]) -> list[Any]:
    """The layer's weights with the kernel that the pair computes."""
    from edgebuild.compress import _factors

    first, second, shift = _factors.split(one.kernel, form, one.seen)
    weights = [_factors.joined(first, second, form).reshape(kept[0].shape), *kept[1:]]
    if len(weights) > 1:
        weights[1] = weights[1] + shift
    return weights


def distillation() -> None:
    whole = net()
    FOUND["narrow"] = channels(_width.scaled(whole, 0.5))
    FOUND["wide"] = channels(_width.scaled(whole, 1.5))
    before = digest(whole)
    students = [apply("distill", whole, training(open_model=opened), width=0.5) for _ in range(2)]
    FOUND["student"] = {
        "channels": channels(students[0]),
        "same": digest(students[0]) == digest(students[1]),
        "teacher kept": digest(whole) == before,
    }
    for match, features in (("hint", ["third"]), ("attention", ["first=second"]), ("gram", ["hidden=first"])):
        data = training(open_model=opened)
        student = apply("distill", whole, data, width=0.5, features=features, match=match)
        FOUND[match] = {"differs": digest(student) != digest(students[0]), "layers": len(student.layers)}
    zoo = apply("distill", whole, training(open_model=opened), student="ds_cnn", width=0.125)
    FOUND["zoo"] = [zoo.name, list(zoo.output_shape), zoo.layers[-1].name]
    FOUND["agreement"] = agreement(net())
    same = apply("distill", net(), training(open_model=opened), teacher="teacher.keras")
    FOUND["same model"] = channels(same)
    refused("shape", "distill", whole, training(open_model=opened), teacher="other.keras")
    refused("feature", "distill", whole, training(open_model=opened), width=0.5, features=["thrd"])
    refused("rank", "distill", whole, training(open_model=opened), width=0.5, features=["third=hidden"])
    refused("autoencoder", "distill", whole, training(open_model=opened), student="autoencoder")
    refused("architecture", "distill", whole, training(open_model=opened), student="ds_cn")


def opened(file: str) -> Any:
    return net() if file == "teacher.keras" else tf_keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten()])


def agreement(teacher: Any) -> list[float]:
    """How far a student's answers are from its teacher's before and after, without labels."""
    values = {"width": 0.5, "label_weight": 0.0, "epochs": 8, "learning_rate": 0.01}
    kernel, bias = teacher.get_layer("classifier").get_weights()
    teacher.get_layer("classifier").set_weights([600 * kernel, bias])  # answers that differ between samples
    tf_keras.utils.set_random_seed(1)
    fresh = _width.scaled(teacher, 0.5)
    student = apply("distill", teacher, training(open_model=opened), **values)
    wanted = np.asarray(teacher(IMAGES, training=False))
    return [_ranks.distance(wanted, np.asarray(m(IMAGES, training=False))) for m in (fresh, student)]


def loss() -> None:
    """The mixed loss against the same sum in numpy."""
    raw, out = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(6, 3))
    labels = np.array([0, 1, 2, 0, 1, 2])

    def softmax(z: Any) -> Any:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    hard = tf_keras.losses.SparseCategoricalCrossentropy()
    mixed = _teacher.loss(hard, share=0.7, labels=1, classes=True, logits=(True, False), temperature=4.0)
    found = float(mixed(tf.constant(_teacher.targets(labels, raw)), tf.constant(softmax(out), tf.float32)))
    one = -np.log(softmax(out)[np.arange(6), labels]).mean()
    other = -(softmax(raw / 4) * np.log(softmax(out / 4))).sum(axis=1).mean() * 16
    FOUND["loss"] = [found, 0.3 * one + 0.7 * other]
    values = _teacher.loss(
        tf_keras.losses.MeanSquaredError(), share=0.25, labels=3, classes=False, logits=(False, False), temperature=4.0
    )
    found = float(values(tf.constant(_teacher.targets(raw, raw + 1)), tf.constant(out, tf.float32)))
    FOUND["values"] = [found, 0.75 * ((raw - out) ** 2).mean() + 0.25 * ((raw + 1 - out) ** 2).mean()]


def architectures() -> None:
    for name in models.names():
        shape = (12,) if models.find(name).reconstructs else (12, 12, 1)
        outputs = shape if models.find(name).reconstructs else (3,)
        described = models.describe(name, shape, outputs, 0.25)
        model = models.keras_model(described, softmax=not models.find(name).reconstructs)
        FOUND[f"model {name}"] = [_macs.of_model(model), list(model.output_shape[1:])]


def main() -> None:
    loss()
    factorization()
    distillation()
    architectures()
    sys.stdout.write(json.dumps(FOUND))


main()
