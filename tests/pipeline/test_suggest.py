"""Students that fit: found by the planner alone, and measured by compiler and emulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild.config import Budget
from edgebuild.errors import BudgetError, UsageError
from edgebuild.pipeline import suggest
from tests import zoo
from tests.conftest import Outcome

Run = Callable[..., Outcome]
SMALL = ("suggest", "--target", "cortex-m4", "--input", "12x12x1", "--outputs", "3", "--flash", "12K", "--plan-only")


@pytest.fixture(scope="module")
def planned() -> tuple[suggest.Suggestion, ...]:
    return suggest.suggest((12, 12, 1), (3,), "cortex-m4", Budget(flash=12_000, ram=8_000), measure=False)


def test_they_fit_and_come_in_order(planned: tuple[suggest.Suggestion, ...]) -> None:
    assert {"ds_cnn", "resnet_8"} <= {one.student for one in planned}
    assert "autoencoder" not in {one.student for one in planned}
    assert all(one.weights <= 12_000 and one.arena <= 8_000 for one in planned)
    assert [one.macs for one in planned] == sorted((one.macs for one in planned), reverse=True)
    assert all((one.flash, one.ram, one.instructions) == (None, None, None) for one in planned)


def test_the_next_wider_one_does_not_fit(planned: tuple[suggest.Suggestion, ...]) -> None:
    budget = Budget(flash=12_000, ram=8_000)
    for student in {one.student for one in planned}:
        widest = max(one.width for one in planned if one.student == student)
        wider = [width for width in suggest.WIDTHS if width > widest][:1]
        request = suggest.Request.of(suggest.configuration("cortex-m4", budget), "cortex-m4")
        for width in wider:
            with pytest.raises(BudgetError):
                suggest.planned(student, (12, 12, 1), (3,), width, request)


def test_the_step_is_one_that_the_configuration_takes(planned: tuple[suggest.Suggestion, ...]) -> None:
    import tomllib

    from edgebuild import compress

    for one in planned:
        (step,) = tomllib.loads(f"steps = [{one.step}]")["steps"]
        assert compress.settings("distill", step["distill"]).width == one.width


def test_reconstruction_gets_autoencoders() -> None:
    found = suggest.suggest((64,), (64,), "cortex-m0plus", Budget(flash=60_000), measure=False)
    assert {one.student for one in found} == {"autoencoder"}


@pytest.mark.qemu
@pytest.mark.slow
def test_what_is_measured_fits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest.models, "names", lambda: ("ds_cnn",))
    found = suggest.suggest((12, 12, 1), (3,), "cortex-m4", Budget(flash=12_000, ram=8_000))
    assert found
    for one in found:
        assert one.flash is not None and one.weights < one.flash <= 12_000
        assert one.ram is not None and one.arena < one.ram <= 8_000
        assert one.instructions is not None and one.instructions > one.macs / 8


def test_the_command_and_its_json(edgebuild: Run) -> None:
    text = edgebuild(*SMALL).out
    assert text.startswith("cortex-m4: students for 12×12×1 → 3, before any training\n")
    assert re.search(r'\{ distill = \{ student = "ds_cnn", width = [\d.]+ \} } +[\d,]+ +[\d,]+ +[\d,]+\n', text)
    found = edgebuild(*SMALL, "--json").object
    assert (found["target"], found["input"], found["output"]) == ("cortex-m4", [12, 12, 1], [3])
    assert all(one["weights"] <= 12 * 1024 for one in found["suggestions"])


def test_shapes_come_from_a_model(edgebuild: Run) -> None:
    model = str(zoo.tflite("keyword_spotting"))
    found = edgebuild("suggest", "--target", "cortex-m4", "--model", model, "--flash", "9K", "--plan-only", "--json")
    assert found.object["input"] == list(zoo_input(model))


def zoo_input(model: str) -> tuple[int, ...]:
    from edgebuild import pipeline

    ((_, shape),) = pipeline.shapes(Path(model))[0]
    return shape


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (
            ("--input", "12x12x1", "--outputs", "3"),
            2,
            "error: command line: no target is given\n  remedy: give --target; edgebuild targets lists them\n",
        ),
        (
            ("--target", "cortex-m4", "--input", "12x12"),
            2,
            "error: command line: the shapes of input and output are not known\n"
            "  remedy: give --outputs, for example --input 28x28x1 --outputs 10\n",
        ),
        (
            ("--target", "cortex-m4", "--input", "12,12", "--outputs", "3"),
            2,
            "error: --input: '12,12' is no shape\n  remedy: write it as 28x28x1\n",
        ),
        (
            ("--target", "cortex-m4", "--input", "12x12x1", "--outputs", "3", "--flash", "100"),
            3,
            "error: suggest: no student of ds_cnn, efficientnet_lite, mobilenet_v1, mobilenet_v2, resnet_8 fits "
            "cortex-m4 within the budget\n  remedy: raise the budget, or choose a larger target\n",
        ),
    ],
)
def test_refusals(here: Path, edgebuild: Run, words: tuple[str, ...], status: int, text: str) -> None:
    done = edgebuild("suggest", *words, "--plan-only", "-q")
    assert (done.status, done.err) == (status, text)


def test_a_task_that_no_architecture_does() -> None:
    with pytest.raises(UsageError, match="no architecture goes with this model") as caught:
        suggest.suggest((640,), (3,), "cortex-m4", Budget(), measure=False)
    assert any(line.startswith("ds_cnn takes images") for line in caught.value.details)
