"""Accuracy, instructions and flash of whole networks, dense and pruned: python benchmarks/sparse_networks.py.

Trains two networks on Fashion-MNIST, one of depthwise and 1x1 convolutions and one of 3x3 convolutions, and builds each
with the `edgebuild` command: quantized alone, pruned in blocks and fine-tuned before, and with 16 levels on top. All is
kept in build/bench-sparse, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "examples" / "fashion-mnist" / "data.py"
OUT = ROOT / "build" / "bench-sparse"
BATCH = 128

TUNED = "epochs = 4, batch_size = 128, learning_rate = 0.002"
LEVELS = "epochs = 2, batch_size = 128, learning_rate = 0.001"
PRUNE = f'{{ prune = {{ sparsity = 0.75, pattern = "2x4", {TUNED} }} }}'
TARGET = f'{{ prune = {{ sparsity = 0.75, pattern = "target", {TUNED} }} }}'
STEPS = {
    "dense": '{ quantize = "int8" }',
    "2x4, 75 %": f'{PRUNE}, {{ quantize = "int8" }}',
    "and int4": f'{TARGET}, {{ quantize = {{ precision = "int8_qat", int4 = "most", {LEVELS} }} }}',
}
OPTIMIZE = {"and int4": "size"}
"""Four bits a weight save flash, not instructions, so speed would leave them out."""

SAMPLES = 2000
"""Test images that run on the emulated core."""

MOST = {"2x4, 75 %": (1.2, 0.60, 0.60), "and int4": (2.0, None, 0.40)}
"""Points that a network may lose, and shares of the dense one's instructions and flash that it may take."""


def _normalized(x: Any, name: str) -> Any:
    from tf_keras import layers

    # momentum 0.9: with the default 0.99 the moving averages lag behind so short a training
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x))


def separable() -> Any:
    """28 x 28 x 1 to 10 classes: 45,322 parameters, 2.7 million multiplications, nine tenths of them in 1x1 layers."""
    from tf_keras import Input, Model, layers

    image = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = _normalized(x, "stem")
    for n, (filters, strides) in enumerate(((64, 1), (64, 1), (128, 2), (128, 1)), 1):
        name = f"block{n}_depthwise"
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=name)(x)
        x = _normalized(x, name)
        name = f"block{n}_pointwise"
        x = _normalized(layers.Conv2D(filters, 1, use_bias=False, name=name)(x), name)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(layers.Dropout(0.2, name="drop")(x))
    return Model(image, layers.Dense(10, activation="softmax", name="logits")(x), name="separable")


def square() -> Any:
    """28 x 28 x 1 to 10 classes by 3x3 convolutions: 61,402 parameters, 3.7 million multiplications."""
    from tf_keras import Input, Model, layers

    x = image = Input((28, 28, 1), name="image")
    for n, (filters, strides) in enumerate(((16, 2), (32, 1), (64, 2), (64, 1)), 1):
        name = f"conv{n}"
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=name)(x)
        x = _normalized(x, name)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(10, activation="softmax", name="logits")(layers.Dropout(0.1, name="drop")(x))
    return Model(image, x, name="square")


NETWORKS: dict[str, Callable[[], Any]] = {"separable": separable, "square": square}


def train(name: str, epochs: int) -> None:
    """Write ``OUT/NAME.keras``."""
    sys.path.insert(0, str(DATA.parent))
    import data  # type: ignore[import-not-found]
    import tensorflow as tf
    import tf_keras

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf_keras.utils.set_random_seed(1)
    x, y = data.training()

    def shifted(image: Any, label: Any) -> Any:
        """A training image, flipped or not, moved by up to two pixels."""
        image = tf.image.random_flip_left_right(tf.pad(image, ((2, 2), (2, 2), (0, 0))))
        return tf.image.random_crop(image, (28, 28, 1)), label

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(60_000, 1).map(shifted).batch(BATCH).prefetch(2)
    model = NETWORKS[name]()
    rate = tf_keras.optimizers.schedules.CosineDecay(4e-3, epochs * len(batches))
    model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=epochs, verbose=2)
    print(f"{name}: {model.count_params():,} parameters", file=sys.stderr)
    model.save(OUT / f"{name}.keras")


def build(name: str, way: str, core: str) -> dict[str, Any]:
    """The report of ``edgebuild`` for one network, from its file or made."""
    folder = OUT / f"{name}-{way.replace(' ', '').replace('%', 'pc').replace(',', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edgebuild.toml").write_text(
        f'targets = ["{core}"]\noutput = "out"\npackages = ["c_library"]\noptimize = "{OPTIMIZE.get(way, "speed")}"\n\n'
        f'[model]\npath = "../{name}.keras"\nname = "{name}"\n\n'
        + "[data]\n"
        + "".join(f'{part} = "{DATA}:{part}"\n' for part in ("calibration", "evaluation", "training"))
        + f"\n[compress]\nsteps = [{STEPS[way]}]\n\n[proof]\nevaluation_samples = {SAMPLES}\n"
    )
    command = [str(Path(sys.executable).with_name("edgebuild")), "--config", str(folder / "edgebuild.toml")]
    subprocess.run([*command, "--target", core], check=True, stdout=sys.stderr, timeout=7200)
    report: dict[str, Any] = json.loads((folder / "out" / core / "report.json").read_text())
    return report


def row(report: dict[str, Any]) -> dict[str, Any]:
    """The figures of a report that the table shows."""
    assert report["emulation"]["mismatched_bytes"] == 0
    return {
        "float": report["accuracy"]["float"],
        "device": report["accuracy"]["device"],
        "samples": report["accuracy"]["samples"],
        "instructions": report["emulation"]["instructions"],
        "flash": report["flash"]["total"],
        "weights": report["flash"]["weights"],
        "ram": report["ram"]["total"],
    }


def main() -> int:
    """Train what is missing, build, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--core", default="cortex-m4")
    parser.add_argument("--network", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--json", type=Path, help="where the figures go besides")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, Any]] = {}
    for name in options.network:
        if not (OUT / f"{name}.keras").exists():
            train(name, options.epochs)
        found[name] = {way: row(build(name, way, options.core)) for way in STEPS}
    print(f"{options.core}\n{'network':12}{'':12}{'accuracy':>9}{'points':>8}{'instructions':>14}{'':7}{'flash':>9}")
    for name, rows in found.items():
        dense = rows["dense"]
        for way, one in rows.items():
            points = 100 * (one["device"] - dense["device"])
            more = [one[key] / dense[key] for key in ("instructions", "flash")]
            print(
                f"{name:12}{way:12}{one['device']:9.2%}{points:+8.2f}{one['instructions']:14,}{more[0]:7.3f}"
                f"{one['flash']:9,}{more[1]:7.3f}"
            )
    for way, (points, instructions, flash) in MOST.items():
        shares = ", ".join(
            f"{share} of the {what}" for share, what in ((instructions, "instructions"), (flash, "flash")) if share
        )
        print(f"asked of {way}: {points} points at most, {shares}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
