"""A Keras model with two inputs, from its data to the proof on an emulated core; and the .tflite that came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebuild import pipeline
from tests.pipeline.conftest import settings
from tests.worker.models import models

pytestmark = [pytest.mark.qemu, pytest.mark.slow, pytest.mark.tensorflow]

__all__ = ["models"]

DATA = """
import numpy as np


def samples():
    kept = np.load({path!r})
    return {{"force": kept["x1"], "image": kept["x0"]}}, kept["y"]
"""


def test_proven_with_its_own_data(models: Path, tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text(DATA.format(path=str(models / "fusion_modern.npz")))
    data = f"{tmp_path}/data.py:samples"
    given = {"data__calibration": data, "data__evaluation": data, "packages": ["c_array", "c_library", "firmware"]}
    model = models / "fusion_modern.keras"
    report = pipeline.build(settings(model, tmp_path, "cortex-m4", **given), "cortex-m4")
    assert report.emulation is not None and report.accuracy is not None
    assert report.emulation["mismatched_bytes"] == 0
    assert report.emulation["vectors"] == 44
    assert report.accuracy["float"] == 1.0
    device, host = report.accuracy["device"], report.accuracy["int8_host"]
    assert device is not None and device > 0.8
    assert device == host

    out = tmp_path / "cortex-m4"
    header = (out / "c_library/include/fusion_modern.h").read_text()
    assert "memcpy(fusion_modern_input_0(arena), samples_0, FUSION_MODERN_INPUT_0_BYTES);" in header
    assert "memcpy(fusion_modern_input_1(arena), samples_1, FUSION_MODERN_INPUT_1_BYTES);" in header
    assert "/* input 1, force: int8, 1 x 6 */" in header

    # the .tflite alone, whose inputs still go by the same names, is as accurate
    again = settings(out / "fusion_modern.tflite", tmp_path / "again", "cortex-m4", data__evaluation=data)
    second = pipeline.build(again, "cortex-m4")
    assert second.accuracy is not None
    assert second.accuracy["device"] == report.accuracy["device"]


def test_auto_chooses_for_all_inputs(models: Path, tmp_path: Path) -> None:
    """By samples that have both inputs; the order is the model's, whatever the data's is."""
    (tmp_path / "data.py").write_text(DATA.format(path=str(models / "fusion_modern.npz")))
    data = f"{tmp_path}/data.py:samples"
    given = {"data__calibration": data, "data__training": data, "data__validation": data, "data__evaluation": data}
    given |= {"compress__steps": [{"auto": {"trials": 2, "epochs": 1}}], "gates__accuracy_drop": 0.5}
    report = pipeline.build(settings(models / "fusion_modern.keras", tmp_path, "cortex-m4", **given), "cortex-m4")
    assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
    assert report.accuracy is not None and report.accuracy["device"] > 0.5
    (record,) = tmp_path.rglob("*.trials.json")
    trials = json.loads(record.read_text())["trials"]
    assert len(trials) == 2 and not any(trial["failure"] for trial in trials)
