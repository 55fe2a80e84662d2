"""Keras 3 models in tf_keras: the same function, or a refusal that names the layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worker.models import run_script

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

REMEDY = "leave out the compression steps, or build and train the model with tf_keras (Keras 2)"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    printed = run_script(Path(__file__).with_name("carry_models.py"), tmp_path_factory.mktemp("carry"))
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", ["separable", "nested", "nested_output", "shared", "preparing", "recurrent", "mobile"])
def test_carried_over_exactly(found: dict[str, Any], name: str) -> None:
    keras, difference = found[name]
    assert keras == "tf_keras"
    assert difference <= 1e-5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "arithmetic",
            "arithmetic.keras, layer 'multiply': is called with more than its inputs, which tf_keras's format cannot "
            "hold",
        ),
        (
            "attention",
            "attention.keras, layer 'attend': is called with more than its inputs, which tf_keras's format cannot hold",
        ),
        ("new_layer", "new_layer.keras, layer 'rms': is of the class 'RMSNormalization', which tf_keras does not have"),
        (
            "new_setting",
            "new_setting.keras, layer 'resize': has the setting pad_to_aspect_ratio = True, which tf_keras's "
            "Resizing does not have",
        ),
    ],
)
def test_refused_with_the_layers_name(found: dict[str, Any], name: str, text: str) -> None:
    assert found[name] == f"{text}\n  remedy: {REMEDY}"
