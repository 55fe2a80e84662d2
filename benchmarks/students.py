"""Distillation, factorization and auto on Fashion-MNIST: python benchmarks/students.py [--seeds 1 2 3] [--write].

A student with a quarter of the DS-CNN's multiplications learns alone, from a larger teacher's answers, and from what
happens inside it; a network of 3 x 3 convolutions is factorized to half its multiplications; and `steps = "auto"` may
lose a point.  The int8 .tflite is measured on all 10,000 test images, which no choice has seen.  Results are files in
build/bench-compress, so that an interrupted run goes on where it stopped; --write puts the table into
docs/compression.md.
"""

import argparse
import json
import time

import compression
import divided
from compression import ALL, DATA, OUT, TARGET, TUNED, file_name, size, table, trained, write

from edgebuild import config, pipeline
from edgebuild.pipeline.stages import Silent

EPOCHS = {"epochs": 10, "batch_size": 128, "learning_rate": 0.004}
STUDENT = {"width": 0.5, **EPOCHS}
BEGUN = {"prune": {"pattern": "channels", "sparsity": 0.72, "layers": ALL[:-1], **TUNED, "epochs": 1}}
"""Half of each layer's filters: the student's shape, with the weights of the model itself to begin with."""

ROWS = {
    "student, width 0.5, alone": ("base", {"distill": {**STUDENT, "label_weight": 1.0}}),
    "distill: teacher's answers": ("base", {"distill": {**STUDENT, "teacher": "TEACHER"}}),
    "distill: answers, and likeness inside": (
        "base",
        {"distill": {**STUDENT, "teacher": "TEACHER", "features": ["block3=block4_pointwise_relu"], "match": "gram"}},
    ),
    "student of the same shape as the next, alone": (
        "base",
        {"distill": {"student": "HALF", **EPOCHS, "label_weight": 1.0}},
    ),
    "distill: begun with the model's own filters": (
        "base",
        {**BEGUN, "distill": {**TUNED, "epochs": 9, "teacher": "TEACHER"}},
    ),
    "teacher, PTQ": ("TEACHER", {}),
    "factorize the teacher, half the MACs": ("TEACHER", {"factorize": {"keep": 0.5, **TUNED}}),
}

AUTO = "auto, 1 point allowed"
SETTINGS = "{ auto = { epochs = 3, batch_size = 128, learning_rate = 0.005 } }"


def teacher(seed, epochs):
    """ResNet-8 (78,000 parameters, 9.3 million multiplications)."""

    def build():
        from edgebuild import models

        return models.keras_model(models.describe("resnet_8", (28, 28, 1), (10,), 1.0), softmax=True)

    return trained("teacher", seed, epochs, build)


def half(seed):
    """The network that BEGUN leaves, initialised anew."""
    import tf_keras

    path = OUT / f"half-{seed}.keras"
    if not path.exists():
        tf_keras.utils.set_random_seed(seed)
        compression.network(filters=(16, 32, 32, 64, 64)).save(path)
    return path


def with_files(settings, files):
    """The settings of a step, with files where ROWS names them."""
    return {key: files.get(value, value) if isinstance(value, str) else value for key, value in settings.items()}


def measure(row, seed, options):
    """One result, from its file or made."""
    path = OUT / f"{file_name(row)}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    if row == AUTO:
        result = automatic(seed, unseen(seed, options.base_epochs))
    else:
        source, step = ROWS[row]
        large = teacher(seed, options.teacher_epochs)
        model = large if source == "TEACHER" else compression.base(seed, options.base_epochs)
        files = {"TEACHER": str(large), "HALF": str(half(seed))}
        steps = [{name: with_files(settings, files)} for name, settings in step.items()]
        result = compression.converted(row, seed, model, steps)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)
    return result


class Told(Silent):
    """Says which trial it is in."""

    def progress(self, target, stage, fraction, words):
        """A line for each trial."""
        if stage == "auto":
            print(words, flush=True)


def unseen(seed, epochs):
    """The DS-CNN, trained without the images that auto chooses by."""
    return trained("base-divided", seed, epochs, compression.network, divided.training())


def automatic(seed, model):
    """What the command makes of ``model`` with ``steps = "auto"``; the trials are kept beside the result."""
    out = OUT / f"auto-{seed}"
    out.mkdir(exist_ok=True)
    functions = {name: f"{DATA}:{name}" for name in ("calibration", "evaluation")}
    functions |= {name: f"{divided.__file__}:{name}" for name in ("training", "validation")}
    lines = [f'targets = ["{TARGET}"]', 'output = "."', f"seed = {seed}", "[model]", f'path = "{model}"', "[data]"]
    lines += [f'{name} = "{value}"' for name, value in functions.items()]
    lines += ["[compress]", f"steps = [{SETTINGS}]", "[gates]", "accuracy_drop = 0.01"]
    lines += ["[proof]", "evaluation_samples = 10000"]
    (out / "edgebuild.toml").write_text("\n".join(lines) + "\n")
    began = time.monotonic()
    compression.hurry()
    report = pipeline.build(config.load(out / "edgebuild.toml"), TARGET, Told())
    content = next(out.rglob("*.tflite")).read_bytes()
    (OUT / f"{file_name(AUTO)}-{seed}.tflite").write_bytes(content)
    seconds = round(time.monotonic() - began)
    last = [step["after"] for step in report.compression if step["technique"] != "quantize"]
    found = {"row": AUTO, "seed": seed, "float": float_accuracy(model), **size(content), "seconds": seconds}
    return {**found, "after": last[-1]} if last else found


def float_accuracy(model):
    """Of a Keras model on all test images."""
    import data
    import tf_keras

    compression.two_threads()
    images, labels = data.evaluation()
    return float((tf_keras.models.load_model(model).predict(images, verbose=0).argmax(1) == labels).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", help="names, or the beginnings of names")
    parser.add_argument("--base-epochs", type=int, default=compression.EPOCHS)
    parser.add_argument("--teacher-epochs", type=int, default=12)
    parser.add_argument("--measured", action="store_true", help="only what has been measured before")
    parser.add_argument("--write", action="store_true", help="put the table of what is measured into the page")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [row for row in (*ROWS, AUTO) if any(row.startswith(wanted) for wanted in options.rows or [row])]
    results = {row: [] for row in rows}
    for seed in options.seeds:
        for row in rows:
            if not options.measured or (OUT / f"{file_name(row)}-{seed}.json").exists():
                results[row].append(measure(row, seed, options))
    results = {row: found for row, found in results.items() if found}
    text = table(results)
    print(text)
    if options.write:
        write(text, "figures of students")


if __name__ == "__main__":
    main()
