"""A teacher's file and a narrower student, through the worker to the .tflite."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgebuild import frontends
from edgebuild.config import DataSource, Step
from edgebuild.errors import UsageError
from edgebuild.worker import client
from edgebuild.worker.job import Job

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def test_a_teacher_of_another_file_and_a_student_half_as_wide(models: Path, tmp_path: Path) -> None:
    data = DataSource("npz", models / "modern_data.npz")
    settings = {"teacher": "modern.h5", "width": 0.5, "epochs": 1, "batch_size": 8, "features": ["pointwise"]}
    job = Job(
        model=models / "modern.keras",
        out=tmp_path,
        steps=(Step("distill", settings),),
        calibration=data,
        evaluation=data,
        training=data,
        folder=models,
    )
    converted = client.convert(job)
    graph = frontends.find("tflite").read(converted.tflite.read_bytes(), "net", "net")
    outputs = {node.op: graph.output(node).shape[-1] for node in graph.nodes}
    assert [graph.output(n).shape[-1] for n in graph.nodes if n.op == "conv_2d"] == [2, 4]
    assert (outputs["depthwise_conv_2d"], outputs["fully_connected"]) == (2, 3)
    step = converted.compression[0]
    assert step.technique == "distill"
    assert step.settings["teacher"] == "modern.h5"
    assert step.before["macs"] == 1688
    assert step.after["macs"] == 16 * 9 * 2 + 16 * 9 * 2 + 16 * 2 * 4 + 4 * 3

    with pytest.raises(UsageError, match="the model does not exist") as caught:
        client.convert(dataclasses.replace(job, folder=tmp_path))
    assert caught.value.place == str(tmp_path / "modern.h5")
