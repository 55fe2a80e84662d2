"""The spoken keywords: synthesised, learnt from few voices, pruned in blocks, and proven on the emulated core."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "keyword-spotting"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tensorflow,
    pytest.mark.qemu,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng"),
]


def test_from_voices_to_the_device(tmp_path: Path) -> None:
    environment = {**os.environ, "EDGEBUILD_CACHE": str(tmp_path / "cache")}
    train = [sys.executable, EXAMPLE / "train.py", "--output", tmp_path, "--epochs", "10"]
    train += ["--voices", "16", "--takes", "3", "--test-voices", "6"]
    subprocess.run(train, check=True, timeout=900, env=environment)
    training, evaluation = (np.load(tmp_path / f"{name}.npz") for name in ("training", "evaluation"))
    assert training["x"].shape == (16 * 3 * 13, 49, 10, 1)
    assert evaluation["x"].shape == (6 * 3 * 13, 49, 10, 1)
    assert np.bincount(training["y"]).tolist() == 10 * [48] + [96, 48]

    config = tmp_path / "edgebuild.toml"
    text = (EXAMPLE / "edgebuild.toml").read_text().replace("../../build/keyword-spotting", str(tmp_path))
    config.write_text(text.replace("epochs = 15", "epochs = 1").replace("accuracy_drop = 0.02", "accuracy_drop = 0.5"))
    build = [sys.executable, "-m", "edgebuild", "--config", config, "--json"]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    accuracy = report["accuracy"]
    assert accuracy["samples"] == 6 * 3 * 13
    assert accuracy["device"] == accuracy["int8_host"]
    assert accuracy["float"] > 0.4, "far more than guessing among twelve"
    assert report["emulation"]["mismatched_bytes"] == 0
    prune, quantize = report["compression"]
    assert (prune["technique"], prune["settings"]["pattern"]) == ("prune", "2x4")
    assert prune["after"]["zeros"] > 0.3
    assert quantize["technique"] == "quantize"


def test_no_voice_of_the_test_is_one_of_training() -> None:
    sys.path.insert(0, str(EXAMPLE))
    try:
        import speech
    finally:
        sys.path.remove(str(EXAMPLE))
    for kinds in (speech.ACCENTS, speech.TIMBRES):
        assert not set(kinds["training"]) & set(kinds["test"])
