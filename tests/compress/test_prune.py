"""Pruning with TF-MOT: the zeros are there, in the layers that were meant, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worker.models import run_script

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    printed = run_script(Path(__file__).with_name("prune_models.py"), tmp_path_factory.mktemp("prune"))
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer


def test_the_first_convolution_and_the_classifier_are_spared(found: dict[str, Any]) -> None:
    assert found["default"] == ["deep", "pointwise"]


def test_a_growing_schedule_reaches_its_goal_in_nested_models_too(found: dict[str, Any]) -> None:
    assert found["polynomial"]["zeros"] == {
        "first": 0.0, "depthwise": 0.0, "pointwise": 0.75, "deep": 0.75, "classifier": 0.0,
    }  # fmt: skip
    assert "inner" in found["polynomial"]["layers"]
    assert not [name for name in found["polynomial"]["layers"] if name.startswith("prune_low_magnitude")]


def test_a_constant_schedule_on_a_named_layer(found: dict[str, Any]) -> None:
    zeros = found["constant"]["zeros"]
    assert zeros.pop("first") == 0.5
    assert set(zeros.values()) == {0.0}


def test_targets_that_are_not_classes(found: dict[str, Any]) -> None:
    assert found["regression"]["zeros"]["a"] == pytest.approx(19 / 21)
    assert found["regression"]["zeros"]["b"] == 0.0


def test_progress_and_batch_norm(found: dict[str, Any]) -> None:
    steps = found["polynomial"]["progress"]
    assert steps == [pytest.approx((index + 1) / 16) for index in range(16)]
    assert found["polynomial"]["momentum"] == [0.9]


def test_losses_follow_the_output(found: dict[str, Any]) -> None:
    assert found["losses"] == [
        ["BinaryCrossentropy", True],
        ["BinaryCrossentropy", False],
        ["SparseCategoricalCrossentropy", True],
        ["SparseCategoricalCrossentropy", False],
        ["SparseCategoricalCrossentropy", False],
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "label",
            "data.npz: has the label 3, but the model has the classes 0 to 2\n"
            "  remedy: number the classes from 0, in the order of the model's output",
        ),
        (
            "targets",
            "data.npz: has labels of shape (2,), but the model's output has (3,)\n"
            "  remedy: give integer labels, one a sample, or targets of the output's shape",
        ),
        (
            "unknown",
            "compression step 'prune': the model has no layer 'pointwse'\n  remedy: did you mean 'pointwise'?",
        ),
        (
            "prunable",
            "compression step 'prune': TF-MOT cannot prune layer 'slope' (PReLU)\n"
            "  remedy: use some of first, pointwise, deep, classifier",
        ),
        (
            "nothing",
            "compression step 'prune': nothing to prune: the first convolution and the classifier are spared, and the "
            "model has no other layer that can be pruned\n  remedy: name the layers: layers = ['only']",
        ),
    ],
)
def test_refusals(found: dict[str, Any], name: str, text: str) -> None:
    assert found[name] == text
