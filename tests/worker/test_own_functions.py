"""The user's loss and metric in a build: they are used, told, and their content counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.config import DataSource, Step
from edgebuild.errors import UsageError
from edgebuild.worker import client
from edgebuild.worker.job import Job

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

FUNCTIONS = """
import tensorflow as tf


def loss(true, found):
    return SCALE * tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(true, found))


def surely_right(true, found):
    return tf.cast(tf.gather(found, true, batch_dims=1) > 0.5, tf.float32)
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    file = tmp_path / "functions.py"
    file.write_text("SCALE = 2\n" + FUNCTIONS)
    return file


def job(models: Path, out: Path, file: Path, *, loss: str, metric: str | None = None) -> Job:
    data = DataSource("npz", models / "modern_data.npz")
    out.mkdir(exist_ok=True)
    step = Step("prune", {"epochs": 2, "batch_size": 4, "layers": ["pointwise"], "validation": 0.25})
    return Job(
        models / "modern.keras",
        out,
        steps=(step,),
        calibration=data,
        evaluation=data,
        training=data,
        loss=DataSource("python", file, loss),
        metric=None if metric is None else DataSource("python", file, metric),
        code="c",
    )


def test_they_are_used_and_told(models: Path, tmp_path: Path, functions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    told: list[str] = []
    stages: list[str] = []

    def listen(progress: client.Progress) -> None:
        stages.append(progress.stage)
        told.append(progress.text)

    asked = job(models, tmp_path / "one", functions, loss="loss", metric="surely_right")
    first = client.convert(asked, listen)
    words = [text for text in told if text.startswith("compressing: prune, loss")]
    assert ", surely_right 0." in words[0]
    assert any("validation loss" in text for text in words)
    read = (tmp_path / "one" / "files_read.json").read_text()
    assert str(functions) in read

    stages.clear()
    client.convert(job(models, tmp_path / "two", functions, loss="loss", metric="surely_right"), listen)
    assert "prune" not in stages, "kept from before"
    functions.write_text("SCALE = 3\n" + FUNCTIONS)
    stages.clear()
    client.convert(job(models, tmp_path / "three", functions, loss="loss", metric="surely_right"), listen)
    assert "prune" in stages, "another loss makes other weights"
    assert first.compression[0].settings["validation"] == 0.25


@pytest.mark.parametrize(
    ("name", "place", "rule"),
    [
        ("los", "functions.py:los", "functions.py has no function 'los'"),
        ("SCALE", "functions.py:SCALE", "functions.py has no function 'SCALE'"),
    ],
)
def test_what_is_no_function(models: Path, tmp_path: Path, functions: Path, name: str, place: str, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        client.convert(job(models, tmp_path / "out", functions, loss=name))
    assert caught.value.place.endswith(place)
    assert caught.value.rule == rule
