"""What each compression step costs and buys on Fashion-MNIST: python benchmarks/compression.py [--seeds 1 2 3].

Trains a DS-CNN of about 45,000 parameters a seed, compresses it in every way of ROWS through the same worker process
that `edgebuild` uses, and measures the int8 .tflite on all 10,000 test images, which no choice has seen.  Every result
is a file in build/bench-compress, so that an interrupted run goes on where it stopped; the table is printed at the end.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "examples" / "fashion-mnist" / "data.py"
OUT = ROOT / "build" / "bench-compress"
sys.path[:0] = [str(ROOT), str(DATA.parent)]
sys.dont_write_bytecode = True

TUNED = {"epochs": 4, "batch_size": 128, "learning_rate": 0.002}
BRIEF = {"epochs": 2, "batch_size": 128, "learning_rate": 0.0005}
ALL = ["stem", "block1_pointwise", "block2_pointwise", "block3_pointwise", "block4_pointwise", "hidden", "logits"]
PQ = {"precision": "int8_qat", **BRIEF}

ROWS = {
    "float32": ([], "float32"),
    "PTQ int8, min-max alone": ([], {"precision": "int8", "ranges": "min_max", "equalize": "no", "correct_bias": "no"}),
    "PTQ int8": ([], "int8"),
    "QAT": ([], PQ),
    "int16x8": ([], "int16x8"),
    "float16": ([], "float16"),
    "dynamic range": ([], "dynamic"),
    "prune 75 %, all layers": ([{"prune": {"sparsity": 0.75, "layers": ALL, **TUNED}}], "int8"),
    "prune 90 %, all layers": ([{"prune": {"sparsity": 0.9, "layers": ALL, **TUNED}}], "int8"),
    "prune 75 %, auto": ([{"prune": {"sparsity": 0.75, "layers": "auto", **TUNED}}], "int8"),
    "prune 90 %, auto": ([{"prune": {"sparsity": 0.9, "layers": "auto", **TUNED}}], "int8"),
    "prune 75 %, auto, QAT": ([{"prune": {"sparsity": 0.75, "layers": "auto", **TUNED}}], PQ),
    "2:4": ([{"prune": {"pattern": "2:4", **TUNED}}], "int8"),
    "2x4 blocks 50 %": ([{"prune": {"sparsity": 0.5, "pattern": "2x4", **TUNED}}], "int8"),
    "2x4 blocks 75 %": ([{"prune": {"sparsity": 0.75, "pattern": "2x4", **TUNED}}], "int8"),
    "2x4 blocks 75 %, auto": ([{"prune": {"sparsity": 0.75, "pattern": "2x4", "layers": "auto", **TUNED}}], "int8"),
    "channels, half the MACs": ([{"prune": {"sparsity": 0.5, "pattern": "channels", **TUNED}}], "int8"),
    "channels, half the MACs, auto": (
        [{"prune": {"sparsity": 0.5, "pattern": "channels", "layers": "auto", **TUNED}}],
        "int8",
    ),
    "cluster 16 a channel": ([{"cluster": {"clusters": 16, **BRIEF}}], "int8"),
    "prune 75 % + cluster 16 + QAT": (
        [{"prune": {"sparsity": 0.75, "layers": "auto", **TUNED}}, {"cluster": {"clusters": 16, **BRIEF}}],
        PQ,
    ),
}


def network():
    """28 x 28 x 1 to 10 classes: 45,514 parameters, 2.7 million multiplications."""
    from tf_keras import Input, Model, layers

    def normalized(x, name):
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x))

    def separable(x, filters, strides, name):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = normalized(x, f"{name}_depthwise")
        return normalized(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x), f"{name}_pointwise")

    image = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = normalized(x, "stem")
    for number, (filters, strides) in enumerate(((64, 1), (64, 1), (128, 2), (128, 1)), 1):
        x = separable(x, filters, strides, f"block{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(layers.Dropout(0.2, name="drop")(x))
    return Model(image, layers.Dense(10, activation="softmax", name="logits")(x), name="dscnn")


def base(seed, epochs):
    """The trained float model of a seed."""
    path = OUT / f"base-{seed}.keras"
    if path.exists():
        return path
    import data
    import numpy as np
    import tensorflow as tf
    import tf_keras

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf_keras.utils.set_random_seed(seed)
    x, y = data.training()

    def shifted(image, label):
        """A training image, flipped or not, moved by up to two pixels."""
        image = tf.image.random_flip_left_right(tf.pad(image, ((2, 2), (2, 2), (0, 0))))
        return tf.image.random_crop(image, (28, 28, 1)), label

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(60_000, seed).map(shifted).batch(128).prefetch(2)
    model = network()
    rate = tf_keras.optimizers.schedules.CosineDecay(4e-3, epochs * len(batches))
    model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=epochs, verbose=2)
    accuracy = float(np.mean(model.predict(data.evaluation()[0], verbose=0).argmax(1) == data.evaluation()[1]))
    print(f"base {seed}: {model.count_params():,} parameters, {accuracy:.2%}", flush=True)
    model.save(path)
    return path


def measure(row, seed, epochs):
    """One result, from its file or made."""
    path = OUT / f"{row.replace(' ', '_').replace('%', 'pc').replace(':', 'of')}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    from edgebuild.config import DataSource, Step
    from edgebuild.worker import client
    from edgebuild.worker.job import Job

    model = base(seed, epochs)
    steps, quantize = ROWS[row]
    quantize = {"precision": quantize} if isinstance(quantize, str) else dict(quantize)
    out = OUT / "work"
    out.mkdir(parents=True, exist_ok=True)
    job = Job(
        model=model,
        out=out,
        steps=tuple(Step(name, values) for step in steps for name, values in step.items()),
        precision=quantize.pop("precision"),
        quantization=quantize,
        io="float32",
        calibration=DataSource("python", DATA, "calibration"),
        evaluation=DataSource("python", DATA, "evaluation"),
        training=DataSource("python", DATA, "training"),
        evaluation_samples=10_000,
        seed=seed,
    )
    began = time.monotonic()
    done = client.convert(job)
    content = done.tflite.read_bytes()
    last = done.compression[-1].after if done.compression else {}
    result = {
        "row": row,
        "seed": seed,
        "float": done.float_accuracy,
        "accuracy": correct(content),
        "bytes": len(content),
        "gzip": len(gzip.compress(content, 9)),
        "last": dict(last),
        "seconds": round(time.monotonic() - began),
    }
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)
    return result


def correct(content):
    """Share of the test images that the .tflite gets right."""
    import data
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=content, num_threads=2)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    images, labels = data.evaluation()
    right = 0
    for image, label in zip(images, labels, strict=True):
        interpreter.set_tensor(into["index"], image[None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(out["index"]).argmax() == label)
    return right / len(labels)


def table(results):
    """The results as Markdown: mean and spread (largest less smallest) over the seeds."""
    lines = ["| | points against float | spread | .tflite | gzip | s |", "|---|--:|--:|--:|--:|--:|"]
    for row, found in results.items():
        drops = [100 * (one["accuracy"] - one["float"]) for one in found]
        mean = {key: statistics.mean(one[key] for one in found) for key in ("bytes", "gzip", "seconds")}
        lines.append(
            f"| {row} | {statistics.mean(drops):+.2f} | {max(drops) - min(drops):.2f} | {mean['bytes']:,.0f} | "
            f"{mean['gzip']:,.0f} | {mean['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", default=list(ROWS), help="names, or the beginnings of names")
    parser.add_argument("--base-epochs", type=int, default=20)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [row for row in ROWS if any(row.startswith(wanted) for wanted in options.rows)]
    results = {row: [] for row in rows}
    for seed in options.seeds:
        for row in rows:
            results[row].append(measure(row, seed, options.base_epochs))
    print(table(results))


if __name__ == "__main__":
    main()
