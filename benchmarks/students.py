"""Distillation and factorization on Fashion-MNIST: python benchmarks/students.py [--seeds 1 2 3].

A student with a quarter of the DS-CNN's multiplications learns alone, from a larger teacher's answers, and from what
happens inside it; and a network of 3 x 3 convolutions is factorized to half its multiplications.  Everything runs
through the worker process that `edgebuild` uses; the int8 .tflite is measured on all 10,000 test images, which no
choice has seen.  Results are files in build/bench-compress, so that an interrupted run goes on where it stopped.
"""

import argparse
import gzip
import json
import time

import compression
from compression import DATA, OUT, correct, table

EPOCHS = {"epochs": 10, "batch_size": 128, "learning_rate": 0.004}
TUNED = {"epochs": 4, "batch_size": 128, "learning_rate": 0.002}
STUDENT = {"width": 0.5, **EPOCHS}

ROWS = {
    "width 0.5 alone": ("base", {"distill": {**STUDENT, "label_weight": 1.0}}),
    "width 0.5, teacher's answers": ("base", {"distill": {**STUDENT, "teacher": "TEACHER"}}),
    "width 0.5, teacher's answers and likeness inside": (
        "base",
        {"distill": {**STUDENT, "teacher": "TEACHER", "features": ["block3=block4_pointwise_relu"], "match": "gram"}},
    ),
    "factorize 3x3 net, half the MACs": ("TEACHER", {"factorize": {"keep": 0.5, **TUNED}}),
    "factorize 3x3 net, a quarter": ("TEACHER", {"factorize": {"keep": 0.25, **TUNED}}),
    "factorize, spatial pairs only, half": ("TEACHER", {"factorize": {"keep": 0.5, "kinds": ["spatial"], **TUNED}}),
}


def teacher(seed, epochs):
    """ResNet-8 (78,000 parameters, 9.3 million multiplications), trained with shifted and mirrored images."""
    path = OUT / f"teacher-{seed}.keras"
    if path.exists():
        return path
    import data
    import numpy as np
    import tensorflow as tf
    import tf_keras

    from edgebuild import models

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf_keras.utils.set_random_seed(seed)
    x, y = data.training()

    def shifted(image, label):
        image = tf.image.random_flip_left_right(tf.pad(image, ((2, 2), (2, 2), (0, 0))))
        return tf.image.random_crop(image, (28, 28, 1)), label

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(60_000, seed).map(shifted).batch(128).prefetch(2)
    model = models.keras_model(models.describe("resnet_8", (28, 28, 1), (10,), 1.0), softmax=True)
    rate = tf_keras.optimizers.schedules.CosineDecay(4e-3, epochs * len(batches))
    model.compile(tf_keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=epochs, verbose=2)
    accuracy = float(np.mean(model.predict(data.evaluation()[0], verbose=0).argmax(1) == data.evaluation()[1]))
    print(f"teacher {seed}: {model.count_params():,} parameters, {accuracy:.2%}", flush=True)
    model.save(path)
    return path


def measure(row, seed, options):
    """One result, from its file or made."""
    path = OUT / f"{row.replace(' ', '_').replace(',', '')}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    from edgebuild.config import DataSource, Step
    from edgebuild.worker import client
    from edgebuild.worker.job import Job

    source, step = ROWS[row]
    large = teacher(seed, options.teacher_epochs)
    model = large if source == "TEACHER" else compression.base(seed, options.base_epochs)
    steps = [
        Step(name, {key: str(large) if value == "TEACHER" else value for key, value in settings.items()})
        for name, settings in step.items()
    ]
    out = OUT / "students"
    out.mkdir(parents=True, exist_ok=True)
    calibration, evaluation, training = (
        DataSource("python", DATA, name) for name in ("calibration", "evaluation", "training")
    )
    job = Job(
        model=model,
        out=out,
        steps=tuple(steps),
        io="float32",
        calibration=calibration,
        evaluation=evaluation,
        training=training,
        evaluation_samples=10_000,
        seed=seed,
    )
    began = time.monotonic()
    done = client.convert(job)
    content = done.tflite.read_bytes()
    step = next(one for one in done.compression if one.technique in ("distill", "factorize"))
    result = {
        "row": row,
        "seed": seed,
        "float": done.float_accuracy,
        "accuracy": correct(content),
        "bytes": len(content),
        "gzip": len(gzip.compress(content, 9)),
        "before": dict(step.before),
        "after": dict(step.after),
        "seconds": round(time.monotonic() - began),
    }
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", default=list(ROWS), help="names, or the beginnings of names")
    parser.add_argument("--base-epochs", type=int, default=15)
    parser.add_argument("--teacher-epochs", type=int, default=12)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [row for row in ROWS if any(row.startswith(wanted) for wanted in options.rows)]
    results = {row: [measure(row, seed, options) for seed in options.seeds] for row in rows}
    print(table(results))


if __name__ == "__main__":
    main()
