"""A build that is killed goes on behind its last finished step, and ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebuild import cache, compress
from edgebuild.artifacts import Converted
from edgebuild.config import DataSource, Step
from edgebuild.worker import client
from edgebuild.worker.job import Job

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

BRIEF = {"epochs": 1, "batch_size": 8}
STEPS = (
    Step("factorize", {"keep": 0.95, "layers": ["pointwise"], **BRIEF}),
    Step("prune", {"pattern": "2x4", "layers": ["pointwise"], **BRIEF}),
    Step("qat", BRIEF),
)


BUILD = """
import sys
from pathlib import Path
from edgebuild.worker import client
from edgebuild.worker.job import Job
client.convert(Job.from_json(Path(sys.argv[1]).read_text()))
"""


def job(models: Path, out: Path, code: str, steps: tuple[Step, ...] = STEPS) -> Job:
    data = DataSource("npz", models / "modern_data.npz")
    out.mkdir(exist_ok=True)
    return Job(models / "modern.keras", out, steps=steps, calibration=data, evaluation=data, training=data, code=code)


def done(job: Job) -> tuple[Converted, list[str]]:
    """The result, and which stages ran."""
    seen: list[str] = []
    converted = client.convert(job, lambda progress: seen.append(progress.stage))
    return converted, list(dict.fromkeys(seen))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache keeps steps."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "step"


def finished(folder: Path) -> list[Path]:
    return [place for place in folder.glob("[!.]*") if place.is_dir()]


def test_killed_in_its_second_step(models: Path, tmp_path: Path, kept: Path) -> None:
    whole, stages = done(job(models, tmp_path / "whole", "one"))
    assert [stage for stage in stages if stage in ("factorize", "prune", "qat")] == ["factorize", "prune", "qat"]
    assert len(finished(kept)) == 3

    other = job(models, tmp_path / "killed", "other")
    asked = tmp_path / "asked.json"
    asked.write_text(other.to_json())
    with subprocess.Popen([sys.executable, "-c", BUILD, asked], stderr=subprocess.DEVNULL) as one:
        limit = time.monotonic() + 300
        while len(finished(kept)) < 4 and one.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        os.kill(one.pid, signal.SIGKILL)
    assert 4 <= len(finished(kept)) < 6, "killed behind the first step, before the last"

    again, stages = done(other)
    assert "factorize" not in stages
    assert "qat" in stages
    assert again.tflite.read_bytes() == whole.tflite.read_bytes()
    assert [step.after for step in again.compression] == [step.after for step in whole.compression]


LEAST: dict[str, dict[str, object]] = {
    "cluster": {"clusters": 3, "per": "layer", "layers": ["pointwise"]},
    "distill": {"width": 0.5},
    "factorize": {"keep": 0.95, "layers": ["pointwise"]},
}
"""What a technique needs on this small model."""

WATCHED = """
import sys
from pathlib import Path
from edgebuild.worker import client
from edgebuild.worker.job import Job
tell = lambda progress: print(progress.stage, flush=True)
client.convert(Job.from_json(Path(sys.argv[1]).read_text()), tell)
"""


@pytest.mark.parametrize("name", [name for name in compress.names() if compress.find(name).trains])
def test_every_technique_killed_in_its_midst_ends_with_the_same_bytes(
    models: Path, tmp_path: Path, kept: Path, name: str
) -> None:
    steps = (Step(name, {**BRIEF, **LEAST.get(name, {})}),)
    asked = tmp_path / "asked.json"
    asked.write_text(job(models, tmp_path / "killed", "code", steps).to_json())
    command = [sys.executable, "-c", WATCHED, asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as one:
        assert one.stdout is not None
        for line in one.stdout:
            if line.strip() == name:
                one.kill()
                break
    assert finished(kept) == []
    again, _ = done(job(models, tmp_path / "killed", "code", steps))
    anew, _ = done(job(models, tmp_path / "anew", "other code", steps))
    assert again.tflite.read_bytes() == anew.tflite.read_bytes()


def test_recipes_share_their_beginnings_and_nothing_else(models: Path, tmp_path: Path, kept: Path) -> None:
    done(job(models, tmp_path / "one", "code", STEPS[1:2]))
    assert len(finished(kept)) == 1
    _, stages = done(job(models, tmp_path / "two", "code", STEPS[1:]))
    assert "prune" not in stages
    assert "qat" in stages
    assert len(finished(kept)) == 2
    _, stages = done(job(models, tmp_path / "three", "other code", STEPS[1:2]))
    assert "prune" in stages, "another edgebuild may do it in another way"


def test_without_a_cache_nothing_is_kept(models: Path, tmp_path: Path, kept: Path) -> None:
    kept_bytes = done(job(models, tmp_path / "kept", "code", STEPS[1:2]))[0].tflite.read_bytes()
    cache.clear()
    plain, _ = done(job(models, tmp_path / "plain", "", STEPS[1:2]))
    assert finished(kept) == []
    assert plain.tflite.read_bytes() == kept_bytes
