"""``steps = "auto"``: chosen on samples kept aside, recorded, and taken up again where it stopped."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from edgebuild import compress, config, pipeline
from edgebuild.config import Config, DataSource, Gates, Step
from edgebuild.config.automatic import AutoSettings
from edgebuild.errors import AccuracyError, BudgetError, UsageError
from edgebuild.pipeline import _judged, auto, look
from edgebuild.pipeline._ladder import Recipe, Trial
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Silent, Stages
from edgebuild.worker import client
from edgebuild.worker.job import Job
from tests.worker.models import models

__all__ = ["models"]

SETTINGS = AutoSettings(trials=2, epochs=1, batch_size=8)


class Heard(Silent):
    """Stages that were finished, and whether from the cache."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, bool]] = []

    def finished(self, target: str, stage: str, seconds: float, cached: bool) -> None:
        self.stages.append((stage, cached))


def build(folder: Path, output: Path, trials: int = 2, **more: object) -> Config:
    data = DataSource("npz", folder / "modern_data.npz")
    described = Config(
        model=folder / "modern.keras",
        name="net",
        targets=("host",),
        output=output,
        calibration=data,
        evaluation=data,
        training=data,
        steps=(Step("auto", dataclasses.asdict(dataclasses.replace(SETTINGS, trials=trials))),),
        gates=Gates(accuracy_drop=1.0),
        packages=("c_library",),
        vectors=1,
    )
    return dataclasses.replace(described, **more)  # type: ignore[arg-type]


@pytest.mark.tensorflow
@pytest.mark.slow
def test_trials_are_recorded_and_taken_up_again(models: Path, tmp_path: Path) -> None:
    report = pipeline.build(build(models, tmp_path), "host")
    record = json.loads((tmp_path / "host.trials.json").read_text())
    plain, narrow = record["trials"]
    assert plain["steps"] == '[{ quantize = "int8" }]'
    assert narrow["steps"].startswith('[{ prune = { pattern = "channels", sparsity = 0.5')
    assert plain["macs"] > 1.5 * narrow["macs"]
    assert plain["float_accuracy"] == 1.0, "the labels are the float model's own answers"
    assert 0.5 <= plain["accuracy"] <= 1.0
    held_out = len(np.load(models / "modern_data.npz")["y"]) // 5
    differing = 1 - plain["accuracy"]
    assert plain["uncertain"] == pytest.approx((differing * (1 - differing) / held_out) ** 0.5, abs=1e-6)
    assert record["best"] == 1, "any accuracy is good enough, and this is smaller"
    assert report.compression[0]["technique"] == "prune"
    assert report.flash is not None

    heard = Heard()
    assert pipeline.build(build(models, tmp_path), "host", heard).up_to_date
    assert {stage for stage, _ in heard.stages} <= {"split", "trial"}
    assert all(cached for _, cached in heard.stages)

    more, heard = build(models, tmp_path, trials=3), Heard()
    pipeline.check(more, "host", heard)
    assert [cached for stage, cached in heard.stages if stage == "trial"] == [True, True, False]
    assert len(json.loads((tmp_path / "host.trials.json").read_text())["trials"]) == 3


def test_training_data_is_divided_by_the_seed(tmp_path: Path) -> None:
    x = np.arange(50, dtype=np.float32).reshape(50, 1)
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(50))
    job = Job(
        model=tmp_path / "none.keras",
        out=tmp_path,
        training=DataSource("npz", tmp_path / "data.npz"),
        inputs=(("x", (1, 1)),),
        held_out=30,
    )
    client.split(job)
    training, held_out = (np.load(tmp_path / name / "x.npy")[:, 0] for name in ("training", "held_out"))
    assert len(held_out) == 10, "a fifth at most"
    assert sorted([*training, *held_out]) == list(range(50))
    assert np.array_equal(held_out, np.load(tmp_path / "held_out" / "y.npy"))
    client.split(dataclasses.replace(job, out=folder(tmp_path / "again")))
    assert np.array_equal(np.load(tmp_path / "again" / "held_out" / "x.npy")[:, 0], held_out)


def test_validation_data_leaves_all_of_the_training_data(tmp_path: Path) -> None:
    for name, count in (("training", 3), ("validation", 2)):
        np.savez(tmp_path / f"{name}.npz", x=np.full((count, 1), count, np.float32), y=np.arange(count))
    job = Job(
        model=tmp_path / "none.keras",
        out=tmp_path,
        training=DataSource("npz", tmp_path / "training.npz"),
        validation=DataSource("npz", tmp_path / "validation.npz"),
        inputs=(("x", (1, 1)),),
    )
    client.split(job)
    assert np.load(tmp_path / "training" / "x.npy").tolist() == [[3], [3], [3]]
    assert np.load(tmp_path / "held_out" / "x.npy").tolist() == [[2], [2]]
    np.savez(tmp_path / "validation.npz", x=np.zeros((2, 1), np.float32))
    with pytest.raises(UsageError, match="the validation data has no labels"):
        client.split(dataclasses.replace(job, out=folder(tmp_path / "again")))


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "recipe", [Recipe(), Recipe("channels", 0.75, 0.5, "int8_qat", int4=True), Recipe("factorize", 0.3)]
)
def test_the_words_of_a_recipe_are_its_steps_in_toml(recipe: Recipe) -> None:
    *steps, last = tomllib.loads(f"steps = {auto.words(recipe, SETTINGS)}")["steps"]
    expected = [(step.technique, dict(step.settings)) for step in recipe.steps(SETTINGS)]
    assert [(name, values) for step in steps for name, values in step.items()] == expected
    quantize = last["quantize"]
    assert (quantize if isinstance(quantize, str) else quantize["precision"]) == recipe.precision
    for name, values in expected:
        compress.settings(name, values)


def request(tmp_path: Path, **more: object) -> Request:
    return Request.of(dataclasses.replace(build(tmp_path, tmp_path), **more), "host")  # type: ignore[arg-type]


def test_without_training_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="auto chooses by training samples that it keeps aside"):
        auto.resolved(request(tmp_path, training=None), Stages("host", Silent(), use_cache=True))


def test_other_steps_are_left_alone(tmp_path: Path) -> None:
    listed = request(tmp_path, steps=(Step("prune"),))
    assert auto.resolved(listed, Stages("host", Silent(), use_cache=True)) is listed


def test_what_came_nearest_is_told(tmp_path: Path) -> None:
    asked = request(tmp_path)
    trials = [
        Trial(Recipe(), 0.85, 0.9, 900, 10, 800, 100, 10, missing=0.04),
        Trial(Recipe("channels", 0.5), 0.88, 0.9, 900, 10, 700, 90, 10, missing=0.012),
        Trial(Recipe("factorize", 0.5), failure="compression step 'factorize': no"),
    ]
    error = auto._refusal(asked, trials)
    assert isinstance(error, AccuracyError)
    assert error.rule == "none of 3 recipes keeps the accuracy; the nearest misses it by 1.20%"
    assert error.details[0].endswith('{ quantize = "int8" }]: accuracy 88.00%, flash 700, RAM 90')
    assert error.details[-1].endswith("compression step 'factorize': no")
    large = [dataclasses.replace(trials[0], missing=0.0, over=1234)]
    error = auto._refusal(asked, large)
    assert isinstance(error, BudgetError)
    assert error.rule == "none of 1 recipes that keep the accuracy fits; the nearest is 1,234 bytes too large"


def test_what_accuracy_misses() -> None:
    assert _judged.missing(Gates(), 0.885, 0.9) == 0.005, "one point where nothing is said"
    assert _judged.missing(Gates(accuracy=0.8), 0.85, 0.9) == 0
    assert _judged.missing(Gates(accuracy=0.8, accuracy_drop=0.02), 0.85, 0.9) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("samples", "drop", "text"),
    [
        (
            500,
            0.01,
            "on 500 evaluation samples a drop varies by about 0.010 by chance, and gates.accuracy_drop is 0.01: what "
            "auto chooses on other samples may miss it; 2,000 would tell (proof.evaluation_samples)",
        ),
        (2000, 0.01, None),
        (500, 0.02, None),
        (500, None, None),
    ],
)
def test_few_evaluation_samples_are_warned_of(tmp_path: Path, samples: int, drop: float | None, text: str) -> None:
    told: list[str] = []

    class Listening(Silent):
        def warn(self, text: str) -> None:
            told.append(text)

    asked = request(tmp_path, evaluation_samples=samples, gates=Gates(accuracy_drop=drop))
    _judged.warn_of_chance(asked, Stages("host", Listening(), use_cache=True))
    assert told == ([text] if text else [])


def read(tmp_path: Path, steps: str) -> Config:
    file = tmp_path / "edgebuild.toml"
    file.write_text(f'targets = ["host"]\n[model]\npath = "net.keras"\n[compress]\nsteps = {steps}\n')
    return config.load(file)


def test_auto_is_a_word_or_a_step_with_settings(tmp_path: Path) -> None:
    assert read(tmp_path, '"auto"').steps == (Step("auto", dataclasses.asdict(AutoSettings())),)
    assert read(tmp_path, "[{ auto = { trials = 3 } }]").steps[0].settings["trials"] == 3


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("[{ auto = { trails = 3 } }]", "auto: unknown setting 'trails'\n  remedy: did you mean 'trials'?"),
        (
            "[{ auto = { trials = 0 } }]",
            "auto: trials, epochs, batch_size and held_out must be at least 1\n  remedy: change the setting",
        ),
        (
            "[{ prune = {} }, { auto = {} }]",
            "auto chooses all steps, and another stands beside it\n  remedy: let auto be the only one",
        ),
    ],
)
def test_what_auto_is_not(tmp_path: Path, steps: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, steps)
    assert str(caught.value).endswith(f": compress.steps: {text}")


def test_inputs_that_the_file_does_not_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "shapes", lambda model: ((), None))
    asked = request(tmp_path)
    with pytest.raises(UsageError) as caught:
        auto.resolved(asked, Stages("host", Silent(), use_cache=True))
    assert str(caught.value) == (
        f"{asked.config.model}: does not state the shapes of its inputs, and auto needs to know them before TensorFlow "
        "is started\n  remedy: give a .keras or .h5 that begins with Input layers, or list the steps"
    )
