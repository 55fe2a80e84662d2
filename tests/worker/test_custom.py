"""Models with layers of the user's own, declared in a Python file: loaded, compressed, converted, or refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild.artifacts import Converted
from edgebuild.config import DataSource, Step
from edgebuild.errors import EdgebuildError, UnsupportedError, UsageError
from edgebuild.worker import client
from edgebuild.worker.job import Job
from tests.worker.models import run_script
from tests.worker.test_convert import answers

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

HERE = Path(__file__).parent
UNSAFE = "replace it by Keras's own layers; --allow-unsafe-model loads it all the same, and runs what it contains"

Convert = Callable[..., Converted]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("custom")
    run_script(HERE / "custom_models.py", folder)
    return folder


@pytest.fixture
def convert(built: Path, tmp_path: Path) -> Convert:
    """Converts a model with a copy of the user's file beside it, or with another text as that file."""

    def run(name: str, *, layers: str | None = None, kind: str = "legacy", **values: Any) -> Converted:
        shutil.copy(HERE / "custom_part.py", tmp_path / "custom_part.py")
        custom = tmp_path / "layers.py"
        custom.write_text((HERE / "custom_layers.py").read_text() if layers is None else layers)
        data = DataSource("npz", built / f"{kind}.npz")
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        out.mkdir()
        job = Job(built / name, out, calibration=data, evaluation=data, training=data, custom=custom)
        return client.convert(dataclasses.replace(job, **values))

    return run


def refusal(
    built: Path, tmp_path: Path, convert: Convert, kind: type[EdgebuildError], *words: Any, **values: Any
) -> str:
    with pytest.raises(EdgebuildError) as caught:
        convert(*words, **values)
    assert type(caught.value) is kind, caught.value
    return str(caught.value).replace(f"{built}/", "").replace(f"{tmp_path}/", "")


@pytest.fixture
def refused(built: Path, tmp_path: Path, convert: Convert) -> Callable[..., str]:
    """The text of a refusal, without folders."""
    return lambda *words, kind=UsageError, **values: refusal(built, tmp_path, convert, kind, *words, **values)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("modern.keras", "modern"), ("modern.h5", "modern"), ("legacy.keras", "legacy"), ("plain.h5", "plain")],
)
def test_an_int8_model_answers_as_the_float_model_does(convert: Convert, built: Path, name: str, kind: str) -> None:
    converted = convert(name, kind=kind)
    data = np.load(built / f"{kind}.npz")
    found, inside, _ = answers(converted.tflite, data["x"])
    assert inside["dtype"] == np.int8
    assert converted.float_accuracy == 1.0
    assert np.abs(found - data["answers"]).max() < 0.03
    noted = json.loads((converted.tflite.parent / "files_read.json").read_text())
    assert {Path(path).name for path in noted} == {"layers.py", "custom_part.py"}


SHORT = {"epochs": 1, "batch_size": 8}
STEPS = {
    "prune": Step("prune", SHORT),
    "channels": Step("prune", {**SHORT, "pattern": "channels", "sparsity": 0.3}),
    "cluster": Step("cluster", {**SHORT, "clusters": 2}),
    "factorize": Step("factorize", {**SHORT, "keep": 0.8}),
    "distill": Step("distill", {**SHORT, "width": 0.5}),
    "qat": Step("qat", SHORT),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["legacy.keras", "modern.keras"])
def test_steps_leave_such_layers_as_they_are(convert: Convert, name: str, step: str) -> None:
    converted = convert(name, kind=name.partition(".")[0], steps=(STEPS[step],))
    before, after = converted.compression[0].before, converted.compression[0].after
    assert before["accuracy"] == 1.0  # a Keras 3 model was carried over with the user's layers for tf_keras
    assert (after["parameters"] < before["parameters"]) == (step not in ("prune", "cluster"))


def test_in_quantization_aware_training_they_compute_as_they_always_do(built: Path) -> None:
    difference = json.loads((built / "rounded.json").read_text())
    assert 0 < difference < 0.03  # half a step of the output's 8 bits, and nothing else


def test_what_a_step_made_is_kept_until_the_users_file_changes(
    convert: Convert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    steps = (STEPS["prune"],)
    text = (HERE / "custom_layers.py").read_text()

    def kept() -> int:
        return len(list((tmp_path / "cache").rglob("weights.npz")))

    convert("legacy.keras", steps=steps, code="code")
    convert("legacy.keras", steps=steps, code="code")
    assert kept() == 1
    convert("legacy.keras", layers=text.replace("relu6(x)", "relu(x)"), steps=steps, code="code")
    assert kept() == 2


def test_a_class_that_the_file_does_not_define(refused: Callable[..., str]) -> None:
    text = "import tf_keras\nclass Other(tf_keras.layers.Layer):\n    pass\n"
    assert refused("legacy.keras", layers=text) == (
        "legacy.keras, layer 'scale': is of the class 'Scale' from the module 'custom_layers', which is not Keras\n"
        "  remedy: if it is yours, define it in layers.py for tf_keras, or name it in CUSTOM_OBJECTS there, or "
        + UNSAFE
    )


def test_a_class_for_the_other_keras(refused: Callable[..., str]) -> None:
    text = "import keras\nclass Scale(keras.layers.Layer):\n    pass\n"
    assert refused("legacy.keras", layers=text) == (
        "legacy.keras, layer 'scale': is of the class 'Scale', which layers.py derives from keras.layers.Layer, but "
        "the file is for tf_keras\n  remedy: derive it from tf_keras.layers.Layer"
    )


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (
            "x = 1 / 0\n",
            "raised ZeroDivisionError: division by zero\n  layers.py:1: x = 1 / 0\n  remedy: mend the file",
        ),
        (
            "import keras\n",
            "defines no layer: no class derived from keras.layers.Layer or tf_keras.layers.Layer\n"
            "  remedy: define one, or name what it imports: CUSTOM_OBJECTS = {'Name': Class}",
        ),
        (
            "import tf_keras\nclass Dense(tf_keras.layers.Layer):\n    pass\n",
            "declares 'Dense', which is the name of one of Keras's own\n"
            "  remedy: call it otherwise, there and in the model",
        ),
        (
            "CUSTOM_OBJECTS = ['Scale']\n",
            "CUSTOM_OBJECTS is not a dict of names to classes and functions\n"
            "  remedy: write CUSTOM_OBJECTS = {'Name': Class}",
        ),
    ],
    ids="raises nothing taken no-dict".split(),
)
def test_files_that_declare_nothing_of_use(refused: Callable[..., str], layers: str, text: str) -> None:
    assert refused("legacy.keras", layers=layers) == f"layers.py: {text}"


def test_a_missing_file(refused: Callable[..., str], tmp_path: Path) -> None:
    assert refused("legacy.keras", custom=tmp_path / "gone.py") == (
        "gone.py: the file of custom layers does not exist\n  remedy: check the path"
    )


def test_a_class_that_tf_keras_has_not(convert: Convert, refused: Callable[..., str]) -> None:
    assert refused("only3.keras", steps=(STEPS["prune"],)) == (
        "only3.keras, layer 'only': is of the class 'Only3', which layers.py defines for Keras 3, and compression "
        "works on tf_keras\n  remedy: define 'Only3' for tf_keras as well, as a subclass of tf_keras.layers.Layer with "
        "that name, or leave out the compression steps"
    )
    assert convert("only3.keras", kind="modern").tflite.is_file()


def test_a_layer_that_looks_like_a_model(convert: Convert, refused: Callable[..., str]) -> None:
    assert refused("block.keras", steps=(STEPS["prune"],)) == (
        "block.keras, layer 'block': its class 'Block' has an attribute 'layers', and compression cannot look inside\n"
        "  remedy: call the attribute otherwise, or leave out the compression steps"
    )
    assert convert("block.keras").tflite.is_file()


def test_a_layer_that_becomes_an_operator_without_integers(refused: Callable[..., str]) -> None:
    found = refused("curved.keras", kind=UnsupportedError)
    assert found == (
        "curved.keras: TensorFlow's converter has no TFLite operator for Erf\n"
        "  remedy: replace the layer; for recurrent layers, unroll=True often helps"
    )


def test_a_step_that_gives_a_layer_what_it_does_not_take(refused: Callable[..., str]) -> None:
    found = refused("fixed.keras", steps=(STEPS["distill"],))
    assert found == (
        'layers.py: raised AssertionError: Exception encountered when calling layer "fixed" (type Fixed).\n'
        "  remedy: mend the layer, or leave out the step that changes what it is given"
    )
