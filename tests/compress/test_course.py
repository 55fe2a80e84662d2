"""Settings of every fine-tuning: samples kept aside, the best epoch, an early end, and the user's loss and metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild import compress
from edgebuild.compress import Course, _watch
from edgebuild.errors import UsageError
from tests.worker.models import run_script

TRAINED = [name for name in compress.names() if compress.find(name).trains]


@pytest.mark.parametrize("name", TRAINED)
def test_every_technique_that_trains_has_them(name: str) -> None:
    least = {"width": 0.5} if name == "distill" else {}
    assert compress.course(name, {"validation": 0.25, "patience": 3}).patience == 3
    assert compress.settings(name, {**least, "validation": 0.25}) == compress.settings(name, least)
    assert {"validation", "patience"} <= set(compress.defaults(name))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"validation": 0.6}, ": validation must lie between 0 and 0.5, not 0.6\n  remedy: change the setting"),
        ({"validation": "much"}, ", validation: 'much' is not a number\n  remedy: change the setting"),
        ({"patience": -1}, ": patience must not be negative, not -1\n  remedy: change the setting"),
        (
            {"patience": 2},
            ": patience watches samples kept aside, and validation keeps none\n"
            "  remedy: set validation, for example to 0.1",
        ),
        ({"pateince": 2}, ": unknown setting 'pateince'\n  remedy: did you mean 'patience'?"),
    ],
)
def test_refusals(values: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.settings("prune", values)
    assert str(caught.value) == f"compression step 'prune'{text}"


@given(st.integers(2, 500), st.floats(0.001, 0.5), st.integers(0, 9))
def test_no_sample_is_lost_or_on_both_sides(count: int, share: float, seed: int) -> None:
    chosen, aside = _watch.apart(count, share, seed)
    assert sorted([*chosen, *aside]) == list(range(count))
    assert min(len(chosen), len(aside)) >= 1
    assert abs(len(aside) - count * share) <= 1
    assert np.array_equal(_watch.apart(count, share, seed)[1], aside)


def test_words() -> None:
    logs = {"loss": 0.31249, "accuracy": np.float32(0.5), "val_loss": 2}
    assert _watch.words(logs) == "loss 0.312, accuracy 0.500, validation loss 2.000"


def test_nothing_is_kept_aside_unasked() -> None:
    assert compress.course("prune", {}) == Course()


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run_script(Path(__file__).with_name("course_models.py")).splitlines()[-1])
    return answer


@pytest.mark.tensorflow
@pytest.mark.slow
class TestModels:
    def test_the_best_epoch_is_left(self, found: dict[str, Any]) -> None:
        watched = found["watched"]
        assert len(watched["losses"]) == 30
        assert watched["left"] == pytest.approx(min(watched["losses"]), abs=6e-4)
        assert min(watched["losses"]) < watched["losses"][-1] - 1e-3, "else the last one would be the best anyway"
        assert watched["aside"] == [30, 30]

    def test_loss_and_metric_are_told(self, found: dict[str, Any]) -> None:
        assert found["watched"]["words"].startswith("loss ")
        assert ", accuracy " in found["watched"]["words"]
        assert found["watched"]["last"] == "1.00"

    def test_patience(self, found: dict[str, Any]) -> None:
        assert found["stopped"] == 3

    def test_zeros_are_all_there_before_an_epoch_can_be_the_best(self, found: dict[str, Any]) -> None:
        assert min(found["zeros"]) >= 0.75

    def test_the_users_own(self, found: dict[str, Any]) -> None:
        assert found["metric"].split(", ")[1].startswith("share_of_top_two ")
        assert found["mixed"].split(", ")[1].startswith("share_of_top_two ")
        assert found["seen"] == [["int64", [3]]], "labels and outputs as the user knows them"
        assert found["learnt"] > 0.7
        assert found["targets"].startswith("loss 0.")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            (
                "raises",
                "compress.loss: raised ZeroDivisionError: division by zero\n"
                "  remedy: let it take labels and outputs of a batch, and compute with TensorFlow",
            ),
            (
                "shape",
                "compress.loss: gave float32 of shape (4, 3) for 4 samples\n"
                "  remedy: let it give one number, or one a sample",
            ),
            (
                "infinite",
                "compress.loss: gave float32 of shape () for 4 samples, not all finite\n"
                "  remedy: let it give one number, or one a sample",
            ),
            (
                "bad_metric",
                "compress.metric: gave float32 of shape (4, 2) for 4 samples\n"
                "  remedy: let it give one number, or one a sample",
            ),
        ],
    )
    def test_what_does_not_compute_is_told(self, found: dict[str, Any], name: str, text: str) -> None:
        assert found[name] == text
