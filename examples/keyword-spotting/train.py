"""Spoken keywords, and a small depthwise-separable network that knows them: python train.py [--output FOLDER].

Writes FOLDER/training.npz, evaluation.npz and model.keras (FOLDER is build/keyword-spotting unless given).  The same
seed gives the same files on the same machine.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same arithmetic on every machine
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.dont_write_bytecode = True  # leave no __pycache__ beside the example

import features  # noqa: E402
import numpy as np  # noqa: E402
import speech  # noqa: E402

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "keyword-spotting"
"""Where edgebuild.toml looks for data and model."""


def network():
    """49 x 10 x 1 -> 12 classes, 19,148 parameters, 2.1 million multiplications."""
    from keras import Input, Model, layers

    def normalized(x, name):
        # momentum 0.9: with the default 0.99 the moving averages lag behind so short a training
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    sound = Input(features.SHAPE, name="coefficients")
    x = layers.Conv2D(64, (10, 4), strides=(2, 2), padding="same", use_bias=False, name="stem")(sound)
    x = normalized(x, "stem")
    for number in range(1, 4):
        name = f"block{number}"
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = normalized(x, f"{name}_depthwise")
        x = layers.Conv2D(64, 1, use_bias=False, name=f"{name}_pointwise")(x)
        x = normalized(x, f"{name}_pointwise")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(len(speech.CLASSES), name="logits")(layers.Dropout(0.2, name="drop")(x))
    return Model(sound, layers.Softmax(name="probabilities")(x), name="keywords")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--voices", type=int, default=80, help="that training hears, 80 at most")
    parser.add_argument("--test-voices", type=int, default=30, help="that the test hears, 30 at most")
    parser.add_argument("--takes", type=int, default=5, help="recordings of each word of each voice")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    training = features.of(speech.recordings("training", options.voices, options.takes, options.seed))
    evaluation = features.of(speech.recordings("test", options.test_voices, 3, options.seed + 1))
    for name, (x, y) in (("training", training), ("evaluation", evaluation)):
        np.savez(options.output / f"{name}.npz", x=x, y=y)
        print(f"{name}: {len(x):,} recordings")
    train(training, evaluation, options)


def train(training, evaluation, options):
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(options.seed)

    began = time.monotonic()
    model = network()
    batch = 64
    steps = -(-len(training[0]) // batch) * options.epochs
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(*training, batch_size=batch, epochs=options.epochs, verbose=2)
    _, accuracy = model.evaluate(*evaluation, batch_size=500, verbose=0)
    model.save(options.output / "model.keras")
    print(f"{model.count_params():,} parameters, {accuracy:.2%} of the test recordings right", end=", ")
    print(f"{time.monotonic() - began:.0f} s; wrote {options.output / 'model.keras'}")


if __name__ == "__main__":
    main()
