"""Trained models of others through every technique and precision: PYTHONPATH=. python benchmarks/every_technique.py.

MLPerf Tiny's four Keras models, or those whose names are given.  Each technique gets noise to train on, since it is to
be seen that it copes with the model, not how well it learns; the data-free precisions get none.  What comes out is
converted to int8 and prints a line: multiply-accumulates and zeros of the Keras model, bytes of the .tflite.  An error
in any of them ends the run.
"""

import argparse
import json
import os
import sys
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

BRIEF = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-4}
STEPS = {
    "prune": {"sparsity": 0.5},
    "prune auto": {"sparsity": 0.5, "layers": "auto"},
    "prune 2x4": {"sparsity": 0.5, "pattern": "2x4"},
    "prune 2:4": {"pattern": "2:4"},
    "prune channels": {"sparsity": 0.3, "pattern": "channels"},
    "cluster": {"clusters": 16},
    "factorize": {"keep": 0.8},
    "distill": {"width": 0.5},
    "qat": {},
    "qat int4": {"int4": "most"},
}
PRECISIONS = {"float32": False, "float16": False, "dynamic": False, "int16x8": True, "int8": True}
"""Whether each needs calibration data."""


def main():
    from tests import zoo

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=zoo.NAMES)
    parser.add_argument("--only", nargs="+", default=[*STEPS, *PRECISIONS], help="techniques and precisions")
    options = parser.parse_args()
    for name in options.models:
        for row in options.only:
            began = time.monotonic()
            found = {"model": name, "row": row, **through(zoo.h5(name), row)}
            print(json.dumps({**found, "seconds": round(time.monotonic() - began, 1)}), flush=True)


def through(path, row):
    """What one technique, or one precision, makes of a model."""
    import numpy as np
    import tf_keras

    from edgebuild import compress, loaders
    from edgebuild.worker import promises
    from edgebuild.worker.accuracy import size

    loaded = loaders.find(loaders.recognise(path)).load(path, allow_unsafe=False)
    loaded = loaders.for_compression(loaded, path)
    random = np.random.default_rng(3)
    x = random.normal(0, 1, (32, *loaded.inputs[0].shape[1:])).astype(np.float32)
    before = size(loaded.model)
    if row in PRECISIONS:
        return {"before": before, "after": before, "bytes": len(converted(loaded, path, x, row))}
    shape = tuple(loaded.model.outputs[0].shape[1:])
    classes = len(shape) == 1 and shape != tuple(x.shape[1:])  # else an autoencoder, which answers with numbers
    y = random.integers(0, shape[0], 32) if classes else random.normal(0, 1, (32, *shape)).astype(np.float32)
    technique = compress.find(row.split()[0])
    settings = compress.settings(row.split()[0], {**STEPS[row], **BRIEF})
    tf_keras.utils.set_random_seed(1)
    training = compress.Training(compress.Fed((x,)), y, "noise", 1, open_model=lambda _: None)
    technique.check(loaded.model, settings)
    made = technique.apply(loaded.model, training, settings, lambda _: None)
    content = converted(loaders.of_tf_keras(made, path), path, x, "int8")
    promises.insist(made, content)
    return {"before": before, "after": size(made), "bytes": len(content)}


def converted(loaded, path, x, precision):
    """The .tflite, without a search for the best calibration."""
    from edgebuild import convert

    inputs = tuple(convert.Port(one.name, one.shape, one.dtype) for one in loaded.inputs)
    source = convert.Source(str(path), loaded.name, loaded.call, inputs, loaded.layers, loaded.variables)
    quick = {"ranges": "min_max", "equalize": "no", "correct_bias": "no"} if precision == "int8" else {}
    settings, _ = convert.settings(precision, quick)
    samples = x[:8] if PRECISIONS[precision] else None
    io = "int8" if precision == "int8" else "float32"
    return convert.find(precision).convert(source, samples, io, lambda _: None, settings).content


if __name__ == "__main__":
    sys.exit(main())
