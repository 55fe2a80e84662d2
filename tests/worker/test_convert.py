"""From a model file to a .tflite through the worker process, against TensorFlow's own interpreter."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild.artifacts import Converted
from edgebuild.config import DataSource, Step
from edgebuild.worker import client
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

Convert = Callable[..., Converted]


@pytest.fixture
def convert(models: Path, tmp_path: Path) -> Convert:
    """Converts a model with the data that has the model's own answers as labels."""

    def run(name: str, *, kind: str = "modern", out: str = "out", progress: Any = None, **values: Any) -> Converted:
        data = DataSource("npz", models / f"{kind}_data.npz")
        folder = tmp_path / out
        folder.mkdir()
        job = Job(model=models / name, out=folder, calibration=data, evaluation=data, training=data)
        return client.convert(dataclasses.replace(job, **values), progress)

    return run


def answers(tflite: Path, x: np.ndarray) -> tuple[np.ndarray, dict[str, Any], dict[str, Any]]:
    """What TFLite's reference kernels answer to ``x``, as floats; and the details of input and output."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(str(tflite), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    (inside,), (outside,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for sample in x:
        interpreter.set_tensor(inside["index"], quantized(sample[np.newaxis], inside))
        interpreter.invoke()
        found.append(dequantized(interpreter.get_tensor(outside["index"]), outside)[0])
    return np.array(found), inside, outside


def quantized(values: np.ndarray, port: dict[str, Any]) -> np.ndarray:
    if port["dtype"] == np.float32:
        return values
    scale, zero_point = port["quantization"]
    rounded = np.round(values / scale) + zero_point
    result: np.ndarray = np.clip(rounded, -128, 127).astype(np.int8)
    return result


def dequantized(values: np.ndarray, port: dict[str, Any]) -> np.ndarray:
    if port["dtype"] == np.float32:
        return values
    scale, zero_point = port["quantization"]
    result: np.ndarray = (values.astype(np.float32) - zero_point) * scale
    return result


@pytest.mark.parametrize(
    ("name", "kind"),
    [("modern.keras", "modern"), ("legacy.h5", "legacy"), ("exported", "modern")],
    ids=["keras-3", "keras-2", "saved-model"],
)
def test_an_int8_model_answers_as_the_float_model_does(convert: Convert, models: Path, name: str, kind: str) -> None:
    seen: list[Progress] = []
    converted = convert(name, kind=kind, progress=seen.append)
    expected = np.load(models / "answers.npz")
    found, inside, outside = answers(converted.tflite, expected["x"])

    assert (inside["dtype"], outside["dtype"]) == (np.int8, np.int8)
    assert inside["shape"].tolist() == inside["shape_signature"].tolist() == [1, 8, 8, 1]
    assert np.abs(found - expected[kind]).max() < 0.03  # softmax has steps of 1/256
    assert converted.float_accuracy == 1.0  # the labels are the float model's own answers
    (quantize,) = converted.compression
    assert quantize.technique == "quantize"
    assert quantize.settings["precision"] == "int8"
    assert quantize.after["bytes"] == converted.tflite.stat().st_size
    assert converted.tools["tensorflow"] == metadata.version("tensorflow")
    assert {"inspect", "start", "load", "data", "convert"} <= converted.seconds.keys()
    assert list(dict.fromkeys(p.stage for p in seen)) == [
        "inspect", "start", "load", "data", "measure", "convert",
    ]  # fmt: skip
    assert all(p.fraction is None or 0 <= p.fraction <= 1 for p in seen)
    written = client.evaluation(Job(model=models, out=converted.tflite.parent))
    assert written is not None
    assert written.labels is not None
    assert np.array_equal(np.load(written.inputs[0]), expected["x"])
    assert np.array_equal(np.load(written.labels), expected[kind].argmax(axis=1))


@pytest.mark.parametrize("kind", ["modern", "legacy"])
def test_each_of_several_inputs_is_calibrated_and_fed_as_itself(convert: Convert, models: Path, kind: str) -> None:
    data = DataSource("npz", models / f"fusion_{kind}.npz")
    converted = convert(f"fusion_{kind}.keras", calibration=data, evaluation=data, training=None)
    assert converted.float_accuracy == 1.0
    (quantize,) = converted.compression
    assert {one["ranges"] for one in quantize.after["tried"]} == {"min_max", "percentile", "mse"}
    assert any(one["bias_corrected"] for one in quantize.after["tried"])
    assert {"see", "feel"} <= {layer["layer"] for layer in quantize.after["layers"]}

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(converted.tflite))
    ports = interpreter.get_input_details()
    assert [(port["name"], port["shape"].tolist()) for port in ports] == [("image", [1, 8, 8, 1]), ("force", [1, 6])]
    kept = np.load(models / f"fusion_{kind}.npz")
    for port, name in zip(ports, ("x0", "x1"), strict=True):
        span = max(kept[name].max(), 0) - min(kept[name].min(), 0)
        assert port["quantization"][0] == pytest.approx(span / 255, rel=0.01)
    written = client.evaluation(Job(model=models, out=converted.tflite.parent))
    assert written is not None
    for path, name in zip(written.inputs, ("x0", "x1"), strict=True):
        assert np.array_equal(np.load(path), kept[name])


@pytest.mark.parametrize(
    "steps",
    [
        {"distill": {"width": 0.5}},
        {"factorize": {"keep": 0.8}},
        {"prune": {"pattern": "1x4", "layers": "auto", "validation": 0.2}, "cluster": {"clusters": 2}},
        {"prune": {"pattern": "channels", "sparsity": 0.3, "layers": "auto", "distill": 0.5}, "int8_qat": {}},
    ],
    ids=lambda steps: " ".join(steps),
)
def test_models_with_several_inputs_are_compressed(convert: Convert, models: Path, steps: dict[str, Any]) -> None:
    data, brief = DataSource("npz", models / "fusion_modern.npz"), {"epochs": 1, "batch_size": 8}
    precision = "int8_qat" if "int8_qat" in steps else "int8"
    converted = convert(
        "fusion_modern.keras",
        steps=tuple(Step(name, {**values, **brief}) for name, values in steps.items() if name != precision),
        precision=precision,
        quantization=brief if precision == "int8_qat" else {},
        calibration=data,
        evaluation=data,
        training=data,
    )
    assert [step.technique for step in converted.compression][: len(steps)] == [
        "qat" if name == precision else name for name in steps
    ]
    assert all(0 <= step.after["accuracy"] <= 1 for step in converted.compression[:-1])
    written = client.evaluation(Job(model=models, out=converted.tflite.parent))
    assert written is not None
    kept = np.load(models / "fusion_modern.npz")
    for path, name in zip(written.inputs, ("x0", "x1"), strict=True):
        assert np.array_equal(np.load(path), kept[name])


def test_float32_answers_to_the_last_digits(convert: Convert, models: Path) -> None:
    converted = convert("modern.h5", precision="float32", io="float32", calibration=None, training=None)
    expected = np.load(models / "answers.npz")
    found, inside, _ = answers(converted.tflite, expected["x"])
    assert inside["dtype"] == np.float32
    assert np.abs(found - expected["modern"]).max() < 1e-5


def test_operators_bear_the_names_of_the_layers(convert: Convert) -> None:
    converted = convert("modern.keras", evaluation=None, io="float32")
    from tflite.Model import Model

    graph = Model.GetRootAs(converted.tflite.read_bytes(), 0).Subgraphs(0)
    outputs = [graph.Tensors(graph.Operators(i).Outputs(0)).Name().decode() for i in range(graph.OperatorsLength())]
    layers = [name.split("/")[0] for name in outputs]
    assert [name for name in dict.fromkeys(layers) if not name.startswith("tfl.")] == [
        "stem_relu", "depthwise", "pointwise", "pool", "classifier",
    ]  # fmt: skip
    assert not (converted.tflite.parent / "evaluation_inputs_0.npy").exists()
    assert converted.float_accuracy is None


def test_pruning_a_keras_3_model_is_deterministic_and_leaves_the_zeros(
    convert: Convert, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    steps = (Step("prune", {"sparsity": 0.75, "epochs": 2, "batch_size": 8, "layers": ["pointwise", "stem"]}),)
    one = convert("modern.keras", out="one", steps=steps)
    other = convert("modern.keras", out="other", steps=steps)
    assert one.tflite.read_bytes() == other.tflite.read_bytes()
    assert not list(temporary.iterdir()), "TensorFlow's translated functions are left behind"

    step, quantize = one.compression
    assert (step.technique, quantize.technique) == ("prune", "quantize")
    assert step.settings["sparsity"] == 0.75
    assert step.settings["learning_rate"] == 0.001  # a default is reported as well
    assert step.before == {"parameters": 159, "zeros": 0.0, "macs": 1688, "accuracy": 1.0}
    # 27 of the stem's 36 and 24 of the pointwise 32, of 36 + 36 + 32 + 24 weights of rank 2 and above
    assert step.after["zeros"] == pytest.approx((27 + 24) / 128, abs=0.01)
    assert step.after["parameters"] == 159
    assert 0 <= step.after["accuracy"] <= 1

    x = np.load(models / "answers.npz")["x"]
    found, _, _ = answers(one.tflite, x)
    assert found.shape == (40, 3)


def test_training_with_the_rounding_goes_before_the_conversion(convert: Convert, models: Path) -> None:
    quantization = {"epochs": 1, "batch_size": 8, "ranges": "mse", "dense": "per_tensor"}
    converted = convert("modern.keras", precision="int8_qat", quantization=quantization)
    trained, quantize = converted.compression
    assert (trained.technique, quantize.technique) == ("qat", "quantize")
    assert (trained.settings["epochs"], trained.settings["dense"]) == (1, "per_tensor")
    assert (quantize.settings["ranges"], quantize.settings["dense"]) == ("mse", "per_tensor")
    assert trained.after["parameters"] == 159 - 4 * 4 + 4  # BatchNorm is folded into the stem, which gets a bias
    assert quantize.after["layers"][0]["decibels"] is not None
    found, inside, _ = answers(converted.tflite, np.load(models / "answers.npz")["x"])
    assert inside["dtype"] == np.int8
    assert found.shape == (40, 3)
