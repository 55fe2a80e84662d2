"""Models that others trained go through the techniques: two of MLPerf Tiny's, and all in ``make bench-models``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def through(model: str, *rows: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "benchmarks/every_technique.py", model, "--only", *rows]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["row"] for one in found] == list(rows)
    return {one["row"]: one for one in found}


def test_convolutions() -> None:
    found = through(
        *(
            "keyword_spotting",
            "prune 2x4",
            "prune channels",
            "cluster",
            "factorize",
            "distill",
            "qat",
            "float16",
            "int8",
        )
    )
    before = found["int8"]["before"]
    assert (before["parameters"], before["macs"], before["zeros"]) == (24_908, 2_656_768, 0)
    assert 0.35 < found["prune 2x4"]["after"]["zeros"] < 0.5, "half of all but the stem, the classifier and depthwise"
    assert 0.6 < found["prune channels"]["after"]["macs"] / before["macs"] <= 0.7
    assert 0.7 < found["factorize"]["after"]["macs"] / before["macs"] <= 0.8
    assert found["distill"]["after"]["macs"] < 0.35 * before["macs"]
    folded = 24_908 - 9 * 4 * 64
    assert found["qat"]["after"]["parameters"] == folded, "BatchNorm goes into layers that have biases"
    for smaller in ("prune channels", "factorize", "distill"):
        assert found[smaller]["bytes"] < found["int8"]["bytes"], smaller
    assert found["float16"]["bytes"] > found["int8"]["bytes"]


def test_an_autoencoder_of_dense_layers() -> None:
    found = through("anomaly_detection", "prune channels", "factorize", "qat", "int8")
    before = found["int8"]["before"]
    assert 0.6 < found["prune channels"]["after"]["macs"] / before["macs"] <= 0.7
    assert 0.7 < found["factorize"]["after"]["macs"] / before["macs"] <= 0.8
    assert found["qat"]["after"]["macs"] == before["macs"]
    for smaller in ("prune channels", "factorize"):
        assert found[smaller]["bytes"] < found["int8"]["bytes"], smaller
