"""What the worker refuses, and how: the class, which is the exit code, and the text."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgebuild.config import DataSource, Step
from edgebuild.errors import EdgebuildError, ExitCode, ToolError, UnsupportedError, UsageError
from edgebuild.worker import client
from edgebuild.worker.job import Job, Limits

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

Refused = Callable[..., EdgebuildError]


@pytest.fixture
def refused(models: Path, tmp_path: Path) -> Refused:
    """The error of a conversion that must fail, with the models' folder cut out of its text."""

    def run(name: str | Path, expected: type[EdgebuildError], **values: Any) -> EdgebuildError:
        data = DataSource("npz", models / "modern_data.npz")
        out = tmp_path / "out"
        out.mkdir()
        job = Job(model=models / name, out=out, calibration=data, evaluation=data, training=data)
        with pytest.raises(EdgebuildError) as caught:
            client.convert(dataclasses.replace(job, **values))
        assert type(caught.value) is expected, (out / "worker.log").read_text()
        assert not (out / "model.tflite").exists()
        error = caught.value
        return expected(
            error.place.replace(f"{models}/", "").replace(f"{tmp_path}/", ""),
            error.rule.replace(f"{models}/", ""),
            error.remedy,
            error.details,
        )

    return run


PRUNE = (Step("prune", {"epochs": 1}),)


def test_a_dimension_that_is_not_fixed(refused: Refused) -> None:
    error = refused("dynamic.keras", UsageError)
    assert error.place == "dynamic.keras, input 'image'"
    assert error.rule == (
        "its shape is (None, None, 4): dimension 1 is not fixed, and a microcontroller needs to know it"
    )
    assert error.remedy == (
        "build the model with that size given, for example keras.Input((49, 10, 1)), load the weights into it "
        "and save it"
    )


def test_a_batch_that_is_fixed(refused: Refused) -> None:
    error = refused("batch32.keras", UsageError)
    assert str(error) == (
        "batch32.keras, input 'image': its batch is fixed to 32; edgebuild builds models that take one sample at a "
        "time\n  remedy: build the model with batch size 1 or None, load the weights into it and save it"
    )


def test_data_of_one_input_for_a_model_with_two(refused: Refused) -> None:
    error = refused("two_inputs.keras", UsageError)
    assert str(error) == (
        "modern_data.npz: has no array 'x0'; it has x, y\n  remedy: write it with numpy.savez(path, x0=…, x1=…, y=…)"
    )


def test_calibration_data_of_the_wrong_shape(refused: Refused) -> None:
    source = DataSource("python", Path(__file__), "sequences")
    error = refused("modern.keras", UsageError, calibration=source, evaluation=None)
    assert error.place == f"{__file__}:sequences"
    assert error.rule == "the calibration data has the shape (8, 6, 4), but the model wants (n, 8, 8, 1)"
    assert error.remedy == "reshape it, or prepare it as for training"


def test_compressing_a_saved_model(refused: Refused) -> None:
    error = refused("exported", UsageError, steps=PRUNE)
    assert str(error) == (
        "exported: a SavedModel has no layers, so it can be quantized but not compressed\n"
        "  remedy: give the model as .keras or .h5, or remove the compression steps"
    )


def test_a_keras_3_model_that_tf_keras_computes_otherwise(refused: Refused) -> None:
    error = refused("other_arithmetic.keras", UsageError, steps=PRUNE)
    assert str(error) == (
        "other_arithmetic.keras, layer 'culprit': tf_keras computes something else than Keras 3 with the same "
        "weights\n  remedy: leave out the compression steps, or build and train the model with tf_keras (Keras 2)"
    )


def test_nothing_to_prune(refused: Refused) -> None:
    error = refused("elu.h5", UsageError, steps=(Step("prune", {"layers": ["flatten"]}),))
    assert str(error) == (
        "compression step 'prune': TF-MOT cannot prune layer 'flatten' (Flatten)\n"
        "  remedy: use some of bend, classifier"
    )


def test_an_operator_that_stays_in_float(refused: Refused) -> None:
    error = refused("elu.h5", UnsupportedError)
    assert error.exit_code == ExitCode.UNSUPPORTED
    assert str(error) == (
        "elu.h5: cannot be quantized to int8 as a whole: the converter leaves operators in float32\n"
        "  ELU 'bend/Elu'\n"
        "  remedy: replace these layers (for example ELU by ReLU), or choose precision float32"
    )


def test_an_operator_that_tflite_does_not_have(refused: Refused) -> None:
    error = refused("special", UnsupportedError, precision="float32", io="float32", evaluation=None)
    assert str(error) == (
        "special: TensorFlow's converter has no TFLite operator for Erfc\n"
        "  remedy: replace the layer; for recurrent layers, unroll=True often helps"
    )


def test_a_crash_inside_the_converter(refused: Refused) -> None:
    # TensorFlow 2.21 does this to any GRU that is not unrolled
    error = refused("gru.h5", ToolError, calibration=DataSource("python", Path(__file__), "sequences"), evaluation=None)
    assert (error.place, error.rule) == ("tensorflow", "crashed with SIGSEGV during 'converting to int8'")
    assert error.remedy == "recurrent layers are a known cause: build them with unroll=True"


def sequences() -> Any:
    """Calibration data for ``gru.h5``."""
    import numpy as np

    return np.random.default_rng(0).random((8, 6, 4))


def test_a_model_that_loads_for_ever(refused: Refused, models: Path, tmp_path: Path) -> None:
    import h5py

    model = tmp_path / "endless.h5"
    shutil.copy(models / "legacy.h5", model)
    with h5py.File(model, "r+") as file:
        text = file.attrs["model_config"]
        text = text.decode() if isinstance(text, bytes) else text
        # a node that does not exist: tf_keras waits for it in a loop without end
        file.attrs["model_config"] = re.sub(r'\["stem", 0, 0, ', '["stem", 1, 0, ', text)
    error = refused(model, ToolError, limits=Limits(load=8))
    assert (error.place, error.rule) == ("the worker process", "did not finish 'loading the model' within 8 s")
    assert error.remedy == "use a smaller model or fewer samples; a model that never finishes loading is damaged"


@pytest.mark.parametrize("unsafe", [False, True])
def test_code_in_a_lambda_layer_runs_only_when_allowed(refused: Refused, models: Path, unsafe: bool) -> None:
    marker = models / "lambda_ran"
    marker.unlink(missing_ok=True)
    error = refused("lambda.h5", UsageError, allow_unsafe_model=unsafe)
    assert marker.exists() == unsafe  # so the file does hold code that runs
    if not unsafe:
        assert str(error) == (
            "lambda.h5, layer 'evil': is a Lambda, which is Python code inside the model file\n"
            "  remedy: replace it by Keras's own layers; --allow-unsafe-model loads it all the same, and runs what "
            "it contains"
        )
