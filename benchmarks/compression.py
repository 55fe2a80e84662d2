"""What each compression step costs and buys on Fashion-MNIST: python benchmarks/compression.py [--seeds 1 2 3].

Trains a DS-CNN of about 45,000 parameters a seed, compresses it in every way of ROWS through the same worker process
that `edgebuild` uses, and measures the .tflite on all 10,000 test images, which no choice has seen.  Every result is a
file in build/bench-compress, so that an interrupted run goes on where it stopped.  The first seed's int8 models are
built for TARGET too, for flash and counted instructions.  The table is printed, and with --write put into
docs/compression.md.

TensorFlow may use oneDNN here, which halves the time; `edgebuild` itself leaves it off.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="1")
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "examples" / "fashion-mnist" / "data.py"
OUT = ROOT / "build" / "bench-compress"
sys.path[:0] = [str(ROOT), str(DATA.parent)]
sys.dont_write_bytecode = True

TARGET = "cortex-m4"
PAGE = ROOT / "docs" / "compression.md"

TUNED = {"epochs": 3, "batch_size": 128, "learning_rate": 0.005}
BRIEF = {"epochs": 1, "batch_size": 128, "learning_rate": 0.0005}
ALL = ["stem", "block1_pointwise", "block2_pointwise", "block3_pointwise", "block4_pointwise", "hidden", "logits"]
PQ = {"precision": "int8_qat", **BRIEF}

AUTO = {"layers": "auto", **TUNED}
LONG = {**AUTO, "epochs": 6, "distill": 0.5}
CLUSTER = {"cluster": {"clusters": 16, **BRIEF}}

ROWS = {
    "PTQ": ([], "int8"),
    "QAT": ([], PQ),
    "prune 75 %": ([{"prune": {"sparsity": 0.75, **AUTO}}], "int8"),
    "prune 90 %, 6 epochs, distill 0.5": ([{"prune": {"sparsity": 0.9, **LONG}}], "int8"),
    "prune 75 % + QAT": ([{"prune": {"sparsity": 0.75, **AUTO}}], PQ),
    "2:4": ([{"prune": {"pattern": "2:4", **TUNED}}], "int8"),
    "2x4 blocks 50 %": ([{"prune": {"sparsity": 0.5, "pattern": "2x4", **AUTO}}], "int8"),
    "2x4 blocks 75 %": ([{"prune": {"sparsity": 0.75, "pattern": "2x4", **AUTO}}], "int8"),
    "channels, half the MACs": ([{"prune": {"sparsity": 0.5, "pattern": "channels", **AUTO}}], "int8"),
    "cluster 16 a channel": ([CLUSTER], "int8"),
    "prune 75 % + cluster 16 + QAT": ([{"prune": {"sparsity": 0.75, **AUTO}}, CLUSTER], PQ),
    "int4": ([], {**PQ, "int4": "most"}),
    "2x4 blocks 75 % + int4": ([{"prune": {"sparsity": 0.75, "pattern": "2x4", **AUTO}}], {**PQ, "int4": "most"}),
}
"""What each line of the table is made by: steps, and the precision with its settings."""

WHOLE = "PTQ"
"""What the size on the device is compared with."""

EPOCHS = 12
"""Of the models that are compressed."""

EXTRA = {
    "prune 90 %": ([{"prune": {"sparsity": 0.9, **AUTO}}], "int8"),
    "float32": ([], "float32"),
    "PTQ, min-max alone": ([], {"precision": "int8", "ranges": "min_max", "equalize": "no", "correct_bias": "no"}),
    "int16x8": ([], "int16x8"),
    "float16": ([], "float16"),
    "dynamic range": ([], "dynamic"),
    "prune 75 %, all layers alike": ([{"prune": {"sparsity": 0.75, "layers": ALL, **TUNED}}], "int8"),
    "prune 90 %, all layers alike": ([{"prune": {"sparsity": 0.9, "layers": ALL, **TUNED}}], "int8"),
    "2x4 blocks 75 %, all layers alike": (
        [{"prune": {"sparsity": 0.75, "pattern": "2x4", "layers": ALL, **TUNED}}],
        "int8",
    ),
    "channels, half the MACs, all layers alike": (
        [{"prune": {"sparsity": 0.5, "pattern": "channels", **TUNED}}],
        "int8",
    ),
}
"""Lines for comparison, made with --extra."""


def network(filters=(32, 64, 64, 128, 128)):
    """28 x 28 x 1 to 10 classes: unless told otherwise 45,514 parameters, 2.7 million multiplications."""
    from tf_keras import Input, Model, layers

    def normalized(x, name):
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x))

    def separable(x, filters, strides, name):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = normalized(x, f"{name}_depthwise")
        return normalized(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x), f"{name}_pointwise")

    image = Input((28, 28, 1), name="image")
    x = layers.Conv2D(filters[0], 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = normalized(x, "stem")
    for number, strides in enumerate((1, 1, 2, 1), 1):
        x = separable(x, filters[number], strides, f"block{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(layers.Dropout(0.2, name="drop")(x))
    return Model(image, layers.Dense(10, activation="softmax", name="logits")(x), name="dscnn")


def base(seed, epochs):
    """The trained float model of a seed."""
    return trained("base", seed, epochs, network)


def trained(name, seed, epochs, build, samples=None):
    """The file of the model that ``build`` makes, trained with shifted and mirrored images, once for each seed.

    Args:
        samples: images and labels; without them all that there are for training.
    """
    path = OUT / f"{name}-{seed}.keras"
    if path.exists():
        return path
    import data
    import numpy as np
    import tensorflow as tf
    import tf_keras

    two_threads()
    tf_keras.utils.set_random_seed(seed)
    x, y = samples or data.training()

    def shifted(image, label):
        """A training image, flipped or not, moved by up to a pixel."""
        image = tf.image.random_flip_left_right(tf.pad(image, ((1, 1), (1, 1), (0, 0))))
        return tf.image.random_crop(image, (28, 28, 1)), label

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(60_000, seed).map(shifted).batch(128).prefetch(2)
    model = build()
    rate = tf_keras.optimizers.schedules.CosineDecay(4e-3, epochs * len(batches))
    model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=epochs, verbose=2)
    accuracy = float(np.mean(model.predict(data.evaluation()[0], verbose=0).argmax(1) == data.evaluation()[1]))
    print(f"{name} {seed}: {model.count_params():,} parameters, {accuracy:.2%}", flush=True)
    model.save(path)
    return path


def measure(row, seed, epochs):
    """One result, from its file or made."""
    path = OUT / f"{file_name(row)}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    steps, quantize = {**ROWS, **EXTRA}[row]
    quantize = {"precision": quantize} if isinstance(quantize, str) else dict(quantize)
    precision = quantize.pop("precision")
    result = converted(row, seed, base(seed, epochs), steps, precision, quantize)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)
    return result


def integer(row):
    """Whether a row's .tflite computes with int8 alone, so that generated C can run it."""
    _, quantize = {**ROWS, **EXTRA}.get(row, ([], "int8"))
    return (quantize if isinstance(quantize, str) else quantize["precision"]).startswith("int8")


def file_name(row):
    """``row`` as the name of files."""
    return row.replace(" ", "_").replace("%", "pc").replace(":", "of").replace(",", "")


def converted(row, seed, model, steps, precision="int8", quantization=None):
    """What `edgebuild` makes of a model by ``steps``, measured; leaves the .tflite beside the results."""
    from edgebuild.config import DataSource, Step
    from edgebuild.worker import client
    from edgebuild.worker.job import Job

    hurry()
    out = OUT / f"work-{os.getpid()}"
    out.mkdir(parents=True, exist_ok=True)
    job = Job(
        model=model,
        out=out,
        steps=tuple(Step(name, values) for step in steps for name, values in step.items()),
        precision=precision,
        quantization=quantization or {},
        io="int8" if precision.startswith("int8") else "float32",
        calibration=DataSource("python", DATA, "calibration"),
        evaluation=DataSource("python", DATA, "evaluation"),
        training=DataSource("python", DATA, "training"),
        evaluation_samples=10_000,
        seed=seed,
    )
    began = time.monotonic()
    done = client.convert(job)
    seconds = time.monotonic() - began
    content = done.tflite.read_bytes()
    (OUT / f"{file_name(row)}-{seed}.tflite").write_bytes(content)
    result = {"row": row, "seed": seed, "float": done.float_accuracy, **size(content), "seconds": round(seconds)}
    for step in done.compression:
        if step.technique != "quantize":
            result["before"], result["after"] = result.get("before", dict(step.before)), dict(step.after)
    shutil.rmtree(out)
    return result


def two_threads():
    """Let TensorFlow compute with two threads; its results depend on their number."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)


def hurry():
    """Let TensorFlow's worker use oneDNN."""
    from edgebuild.worker import client

    client._ENVIRONMENT["TF_ENABLE_ONEDNN_OPTS"] = "1"


def size(content):
    """Accuracy and sizes of a .tflite."""
    return {"accuracy": correct(content), "bytes": len(content), "gzip": len(gzip.compress(content, 9))}


def correct(content):
    """Share of the test images that the .tflite gets right, by TFLite's own kernels (not XNNPACK, which rounds)."""
    import data
    import numpy as np
    import tensorflow as tf

    kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    images, labels = data.evaluation()
    if into["dtype"] == np.int8:
        scale, zero = into["quantization"]
        images = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
    right = 0
    for image, label in zip(images, labels, strict=True):
        interpreter.set_tensor(into["index"], image[None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(out["index"]).argmax() == label)
    return right / len(labels)


def on_device(row, seed):
    """Flash and instructions of an int8 model as generated C on TARGET, from its file or measured."""
    path = OUT / f"{file_name(row)}-{seed}.{TARGET}.json"
    if not path.exists():
        work = OUT / f"{TARGET}-{os.getpid()}"
        work.mkdir()
        model = work / "net.tflite"
        shutil.copy(OUT / f"{file_name(row)}-{seed}.tflite", model)
        command = [
            sys.executable,
            "-m",
            "edgebuild",
            "--model",
            model,
            "--target",
            TARGET,
            "--output",
            work / "out",
            "--json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800, cwd=OUT)
        report = json.loads(done.stdout)
        assert report["emulation"]["mismatched_bytes"] == 0
        found = {"flash": report["flash"]["total"], "ram": report["ram"]["total"]}
        path.write_text(json.dumps({**found, "instructions": report["emulation"]["instructions"]}) + "\n")
        shutil.rmtree(work)
    return json.loads(path.read_text())


def table(results):
    """The results as Markdown: means over the seeds, and the spread of accuracy (largest less smallest).

    Flash times instructions is relative to int8 alone, the mean of each seed's product.
    """
    lines = [
        f"| | accuracy | points against float | spread | seeds | MACs | .tflite | gzip | flash on {TARGET} "
        "| instructions | flash x instructions | s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    measure(WHOLE, 1, EPOCHS)
    whole = on_device(WHOLE, 1)
    for row, found in results.items():
        drops = [100 * (one["accuracy"] - one["float"]) for one in found]
        mean = {key: statistics.mean(one[key] for one in found) for key in ("accuracy", "bytes", "gzip", "seconds")}
        macs = statistics.mean(one["after"]["macs"] for one in found) if "after" in found[0] else None
        devices = [on_device(row, one["seed"]) for one in found] if integer(row) else []
        cells = [row, f"{mean['accuracy']:.2%}", f"{statistics.mean(drops):+.2f}", f"{max(drops) - min(drops):.2f}"]
        cells += [str(len(found)), "" if macs is None else f"{macs / 1e6:.2f} M"]
        cells += [f"{mean['bytes']:,.0f}", f"{mean['gzip']:,.0f}"]
        if devices:
            flash, work = (statistics.mean(one[key] for one in devices) for key in ("flash", "instructions"))
            cost = statistics.mean(one["flash"] * one["instructions"] for one in devices)
            share = cost / (whole["flash"] * whole["instructions"])
            cells += [f"{flash:,.0f}", f"{work:,.0f}", f"{share:.2f}"]
        else:
            cells += ["", "", ""]
        lines.append(f"| {' | '.join([*cells, str(round(mean['seconds']))])} |")
    return "\n".join(lines)


def write(text, name):
    """Put ``text`` between the page's markers called ``name``."""
    page = PAGE.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", help="names, or the beginnings of names")
    parser.add_argument("--extra", action="store_true", help="lines for comparison as well")
    parser.add_argument("--base-epochs", type=int, default=EPOCHS)
    parser.add_argument("--measured", action="store_true", help="only what has been measured before")
    parser.add_argument("--write", action="store_true", help="put the table of what is measured into the page")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [*ROWS, *(EXTRA if options.extra else ())]
    rows = [row for row in rows if any(row.startswith(wanted) for wanted in options.rows or rows)]
    results = {row: [] for row in rows}
    for seed in options.seeds:
        for row in rows:
            if not options.measured or (OUT / f"{file_name(row)}-{seed}.json").exists():
                results[row].append(measure(row, seed, options.base_epochs))
    results = {row: found for row, found in results.items() if found}
    text = table(results)
    print(text)
    if options.write:
        write(text, "figures")


if __name__ == "__main__":
    main()
