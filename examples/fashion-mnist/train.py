"""Trains a small depthwise-separable network on Fashion-MNIST: python train.py [--output FOLDER] [--epochs N].

Writes FOLDER/model.keras (Keras 3; FOLDER is build/fashion-mnist unless given), unless it is there already and
as new as this script.  The same seed gives the same model on the same machine.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same arithmetic on every machine
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.dont_write_bytecode = True  # leave no __pycache__ beside the example

import data  # noqa: E402

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "fashion-mnist"
"""Where edgebuild.toml looks for the model."""


def network():
    """28 x 28 x 1 -> 10 classes, 9,610 parameters, about 500,000 multiplications."""
    from keras import Input, Model, layers

    def normalized(x, name):
        # momentum 0.9: with the default 0.99 the moving averages lag behind so short a training
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    def separable(x, filters, strides, name):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = normalized(x, f"{name}_depthwise")
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x)
        return normalized(x, f"{name}_pointwise")

    image = Input((28, 28, 1), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = normalized(x, "stem")
    x = separable(x, 32, 1, "block1")
    x = separable(x, 64, 2, "block2")
    x = separable(x, 64, 1, "block3")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(10, name="logits")(x)
    return Model(image, layers.Softmax(name="probabilities")(x), name="fashion")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model_file, record_file = options.output / "model.keras", options.output / "training.json"
    record = {"epochs": options.epochs, "seed": options.seed}
    if trained_already(model_file, record_file, record):
        print(f"{model_file} is up to date; delete it to train again")
        return
    train(options.epochs, options.seed, model_file)
    record_file.write_text(json.dumps(record) + "\n")


def trained_already(model_file, record_file, record):
    """Whether the model is as new as the scripts and was trained as asked."""
    if not (model_file.is_file() and record_file.is_file()):
        return False
    written = model_file.stat().st_mtime
    scripts = (Path(__file__), Path(__file__).with_name("data.py"))
    return (
        all(written >= script.stat().st_mtime for script in scripts) and json.loads(record_file.read_text()) == record
    )


def train(epochs, seed, model_file):
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)

    began = time.monotonic()
    x, y = data.images("train"), data.labels("train")
    model = network()
    batch = 128
    steps = -(-len(x) // batch) * epochs
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=2)
    _, accuracy = model.evaluate(*data.evaluation(), batch_size=500, verbose=0)

    model_file.parent.mkdir(parents=True, exist_ok=True)
    model.save(model_file)
    print(f"{model.count_params():,} parameters, {accuracy:.2%} of the test images right", end=", ")
    print(f"{time.monotonic() - began:.0f} s; wrote {model_file}")


if __name__ == "__main__":
    main()
