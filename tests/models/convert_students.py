"""Converts a student of every architecture to int8: python convert_students.py FOLDER."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tf_keras

from edgebuild import convert, models
from edgebuild.loaders import of_tf_keras
from tests.models.students import described


def main(folder: Path) -> None:
    tf_keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    for name in models.names():
        net = described(name)
        model = models.keras_model(net, softmax=not models.find(name).reconstructs)
        for weight in model.weights:
            if weight.name.split("/")[-1].startswith(("bias", "beta", "moving_mean")):
                weight.assign(0.1 * random.normal(size=weight.shape))  # the converter leaves out biases that are zero
        loaded = of_tf_keras(model, Path(name))
        samples = random.normal(size=(8, *net.shape)).astype(np.float32)
        source = convert.Source(
            place=name,
            name=loaded.name,
            call=loaded.call,
            inputs=tuple(convert.Port(port.name, port.shape, port.dtype) for port in loaded.inputs),
            layers=loaded.layers,
            variables=loaded.variables,
        )
        settings = convert.settings("int8", {"ranges": "min_max", "equalize": "no", "correct_bias": "no"})[0]
        result = convert.find("int8").convert(source, samples, "int8", lambda fraction: None, settings)
        (folder / f"{name}.tflite").write_bytes(result.content)


main(Path(sys.argv[1]))
