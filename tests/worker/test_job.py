"""What travels between the two processes arrives unchanged."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import MappingProxyType

import pytest

from edgebuild import errors
from edgebuild.config import Config, DataSource, Step
from edgebuild.errors import EdgebuildError
from edgebuild.worker import events
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job, Limits

ERRORS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, EdgebuildError)]


def test_a_job_survives_json() -> None:
    job = Job(
        model=Path("/m/net.keras"),
        out=Path("/out"),
        task="data",
        steps=(Step("prune", MappingProxyType({"sparsity": 0.5, "layers": ["a"]})), Step("other")),
        io="float32",
        calibration=DataSource("npz", Path("/d.npz")),
        training=DataSource("python", Path("/d.py"), "f"),
        inputs=(("x", (1, 2)),),
        custom=Path("/m/layers.py"),
        limits=Limits(load=3.5),
    )
    again = Job.from_json(job.to_json())
    assert again.steps[0].settings == {"sparsity": 0.5, "layers": ["a"]}
    assert again == Job.from_json(again.to_json())
    for name in ("model", "out", "task", "io", "calibration", "evaluation", "training", "inputs", "custom", "limits"):
        assert getattr(again, name) == getattr(job, name)


def test_a_job_takes_everything_from_the_config() -> None:
    config = Config(
        model=Path("/m/net.keras"),
        name="net",
        targets=("host",),
        output=Path("/build"),
        evaluation=DataSource("npz", Path("/e.npz")),
        steps=(Step("prune"),),
        precision="float32",
        evaluation_samples=7,
        seed=5,
        allow_unsafe_model=True,
    )
    job = Job.of(config, io="float32", out=Path("/out"))
    assert (job.model, job.out, job.io, job.task) == (config.model, Path("/out"), "float32", "convert")
    same = ("evaluation", "calibration", "training", "steps", "precision", "evaluation_samples", "seed")
    for name in (*same, "allow_unsafe_model"):
        assert getattr(job, name) == getattr(config, name)


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_arrives_as_itself(kind: type[EdgebuildError]) -> None:
    sent = kind("net.h5, layer 'a'", "is wrong", "mend it", ("one", "two"))
    event = json.loads(events.error(sent))
    assert event["exit_code"] == kind.exit_code
    received = events.to_error(event)
    assert type(received) is kind
    assert str(received) == str(sent)


def test_only_errors_can_arrive() -> None:
    event = {"class": "ExitCode", "place": "", "rule": "", "remedy": "", "details": []}
    with pytest.raises(TypeError, match="ExitCode is not one of edgebuild's errors"):
        events.to_error(event)


def test_a_stage_is_one_line() -> None:
    line = events.stage(Progress("load", "loading\nthe model", 0.5), 60)
    assert "\n" not in line
    assert json.loads(line) == {
        "event": "stage", "stage": "load", "text": "loading\nthe model", "fraction": 0.5, "limit": 60,
    }  # fmt: skip
