"""Behind each compression step: what a build of the steps so far takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from edgebuild import pipeline
from edgebuild.config import Budget, Config, DataSource, Step
from edgebuild.convert import names
from edgebuild.convert._int8_settings import QUICK
from edgebuild.pipeline import _each_step
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Silent, Stages
from edgebuild.reports.report import Report
from tests.kernels import sparse_cases as cases
from tests.worker.models import models
from tests.write_tflite import write

__all__ = ["models"]

TARGET = "cortex-m0plus"
STEPS = (
    Step("prune", {"pattern": "channels", "sparsity": 0.3, "epochs": 1, "batch_size": 8}),
    Step("prune", {"pattern": "2x4", "sparsity": 0.5, "epochs": 1, "batch_size": 8, "layers": ["pointwise"]}),
)


def build(folder: Path, output: Path, **more: Any) -> Report:
    data = DataSource("npz", folder / "modern_data.npz")
    described = Config(
        model=folder / "modern.keras",
        name="net",
        targets=(TARGET,),
        output=output,
        calibration=data,
        evaluation=data,
        training=data,
        steps=STEPS,
        quantization=QUICK,
        packages=("c_array",),
        vectors=1,
    )
    return pipeline.build(dataclasses.replace(described, **more), TARGET)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_figures_behind_a_step_are_those_of_a_build_up_to_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    report = build(models, tmp_path / "whole", budget=Budget(flash=8192))
    first, second, quantize = report.compression
    assert [one["technique"] for one in report.compression] == ["prune", "prune", "quantize"]
    for state, steps in ((first["before"], ()), (first["after"], STEPS[:1]), (second["after"], STEPS)):
        alone = build(models, tmp_path / str(len(steps)), steps=steps)
        assert alone.flash is not None and alone.ram is not None and alone.emulation is not None
        if steps:  # without any, a Keras 3 model is converted as it is, and its operators have other names
            assert state["bytes"] == alone.model["tflite_bytes"]
        assert state["flash"] == alone.flash["total"]
        assert state["ram"] == alone.ram["total"]
        assert state["instructions"] == alone.emulation["instructions"]
    assert second["before"] == first["after"]
    assert quantize["before"] == second["after"]
    assert first["after"]["flash"] < first["before"]["flash"]
    page = (tmp_path / "whole" / TARGET / "report.html").read_text("utf-8")
    assert f'<td class="n">{first["before"]["flash"]:,}</td>' in page

    bare = build(models, tmp_path / "bare", each_step=False)
    assert bare.model["sha256"] == report.model["sha256"], "what is measured on the way changes nothing"
    assert not {"bytes", "flash", "unmeasured"} & {*bare.compression[0]["before"], *bare.compression[0]["after"]}


def test_a_model_between_that_does_not_fit_has_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(write(cases.conv((4, 4), (1, 1), 64, 64, lambda random, data: data)))
    config = Config(model=path, name="net", targets=(TARGET,), output=tmp_path, budget=Budget(flash=1))
    request = Request.of(config, TARGET)
    small = tuple(dataclasses.replace(one, bytes=2048) for one in request.profile.memory)
    request = dataclasses.replace(request, profile=dataclasses.replace(request.profile, memory=small))
    stages = Stages(TARGET, Silent(), use_cache=True)
    found = _each_step._taken(path.read_bytes(), request, stages)
    assert list(found) == ["unmeasured"]
    assert "2,048" in found["unmeasured"]
    assert _each_step._taken(None, request, stages) == {}


@pytest.mark.parametrize("precision", names())
def test_no_precision_chooses_anything_when_only_sizes_are_asked(precision: str) -> None:
    from edgebuild import convert

    own = convert.find(precision)
    settings, rest = convert.settings(precision, own.quick)
    assert not rest
    assert "auto" not in [getattr(settings, field.name) for field in dataclasses.fields(settings)]
