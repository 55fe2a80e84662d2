"""Factorization and distillation: what comes out has the size that was asked for and computes what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgebuild import models
from edgebuild.pipeline.device import total_macs
from tests.worker.models import run_script

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    printed = run_script(Path(__file__).with_name("student_models.py"), tmp_path_factory.mktemp("students"))
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer


def test_a_mixed_loss_is_the_sum_that_it_says(found: dict[str, Any]) -> None:
    for name in ("loss", "values"):
        assert found[name][0] == pytest.approx(found[name][1], rel=1e-4)


def test_a_pair_of_layers_computes_what_its_joined_kernel_does(found: dict[str, Any]) -> None:
    assert found["pairs"]["kinds"] == ["channels", "depthwise", "spatial"]
    assert {"second", "third", "hidden", "deep"} <= set(found["pairs"]["layers"])
    assert found["pairs"]["worst"] < 1e-5


@pytest.mark.parametrize(("of", "keep"), [("macs", 0.4), ("weights", 0.5)])
def test_no_more_than_the_budget_remains(found: dict[str, Any], of: str, keep: float) -> None:
    assert 0.5 * keep < found[f"keep {of}"]["share"] <= keep
    assert found[f"keep {of}"]["same"], "the same seed gives the same bytes"


def test_only_the_named_layer_is_factorized(found: dict[str, Any]) -> None:
    assert found["one layer"] == ["first", "second", "deep", "third", "hidden_1", "hidden", "classifier"]


def test_progress_ends_at_one(found: dict[str, Any]) -> None:
    assert 0 <= found["progress"][0] < 0.3
    assert found["progress"][1] == pytest.approx(1.0)


def test_width_scales_all_but_what_makes_the_output(found: dict[str, Any]) -> None:
    assert found["narrow"] == {"first": 8, "second": 8, "deep": 8, "third": 12, "hidden": 16, "classifier": 2}
    assert found["wide"] == {"first": 24, "second": 24, "deep": 24, "third": 36, "hidden": 48, "classifier": 2}


def test_a_student_learns_while_its_teacher_stays_as_it_is(found: dict[str, Any]) -> None:
    assert found["student"] == {"channels": found["narrow"], "same": True, "teacher kept": True}
    before, after = found["agreement"]
    assert after < 0.5 * before


@pytest.mark.parametrize("match", ["hint", "attention", "gram"])
def test_features_take_part_and_leave_nothing_behind(found: dict[str, Any], match: str) -> None:
    assert found[match]["differs"]
    assert found[match]["layers"] == found["hint"]["layers"]


def test_a_student_of_the_zoo_ends_as_the_model_does(found: dict[str, Any]) -> None:
    assert found["zoo"] == ["ds_cnn", [None, 2], "probabilities"]


def test_a_larger_teacher_for_the_same_model(found: dict[str, Any]) -> None:
    assert found["same model"]["second"] == 16


@pytest.mark.parametrize("name", models.names())
def test_the_graph_of_an_untrained_student_costs_what_its_keras_model_does(found: dict[str, Any], name: str) -> None:
    shape = (12,) if models.find(name).reconstructs else (12, 12, 1)
    outputs = shape if models.find(name).reconstructs else (3,)
    graph = models.graph(models.describe(name, shape, outputs, 0.25), softmax=not models.find(name).reconstructs)
    assert found[f"model {name}"] == [total_macs(graph), list(graph.tensors[graph.outputs[0]].shape[1:])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "layer",
            "compression step 'factorize': the model has no layer 'hiden'\n  remedy: did you mean 'hidden'?",
        ),
        (
            "depthwise",
            "compression step 'factorize': cannot factorize layer 'depthwise' (DepthwiseConv2D)\n"
            "  remedy: use some of first, second, deep, third, hidden, classifier",
        ),
        (
            "shape",
            "compression step 'distill': the teacher's output has the shape (64,), the model's (2,)\n"
            "  remedy: give a teacher for the same task",
        ),
        ("feature", "compression step 'distill': the teacher has no layer 'thrd'\n  remedy: did you mean 'third'?"),
        (
            "rank",
            "compression step 'distill': hint cannot compare the outputs of 'third' (3, 4, 24) and 'hidden' (16,)\n"
            '  remedy: choose layers of like outputs, or match = "gram", which compares any',
        ),
        (
            "autoencoder",
            "student 'autoencoder': gives back what it is given, and the model's output has the shape (2,), its input "
            "(8, 8, 1)\n  remedy: choose another student: edgebuild suggest lists those that fit",
        ),
        ("architecture", "student 'ds_cn': there is no such architecture\n  remedy: did you mean 'ds_cnn'?"),
    ],
)
def test_refusals(found: dict[str, Any], name: str, text: str) -> None:
    assert found[name] == text


def test_a_budget_that_cannot_be_met(found: dict[str, Any]) -> None:
    assert found["keep"].startswith(
        "compression step 'factorize': was to keep 1% of the macs, but even the smallest factors leave "
    )
