"""The example trains, prunes, quantizes and proves, as a newcomer would run it; one epoch instead of three."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "fashion-mnist"

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow, pytest.mark.qemu]


def test_the_device_is_as_good_as_the_host(tmp_path: Path) -> None:
    environment = {**os.environ, "EDGEBUILD_CACHE": str(tmp_path / "cache")}
    train = [sys.executable, EXAMPLE / "train.py", "--output", tmp_path, "--epochs", "1"]
    subprocess.run(train, check=True, timeout=900, env=environment)
    words = ["--config", EXAMPLE / "edgebuild.toml", "--model", tmp_path / "model.keras", "--output", tmp_path / "out"]
    build = [sys.executable, "-m", "edgebuild", *words, "--json"]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    accuracy = report["accuracy"]
    assert accuracy["samples"] == 500
    assert accuracy["device"] == accuracy["int8_host"]
    assert accuracy["float"] - accuracy["device"] <= 0.01
    assert report["emulation"]["vectors"] == 504
    assert report["emulation"]["mismatched_bytes"] == 0
    step, _quantize = report["compression"]
    assert step["technique"] == "prune"
    assert step["after"]["zeros"] > 0.35
    again = subprocess.run(build, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert json.loads(again.stdout)["files"] == report["files"]
    assert "reused" not in again.stderr and "model" not in again.stderr, "nothing is done again"
