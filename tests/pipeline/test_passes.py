"""Each rewrite can be left out, saves what the report says, and changes no byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import passes, pipeline
from edgebuild.pipeline.device import PASSES
from tests import zoo
from tests.pipeline.conftest import settings


def test_the_line_knows_every_pass() -> None:
    assert sorted(PASSES) == sorted(passes.names())


def test_a_pass_left_out_saves_nothing(tmp_path: Path) -> None:
    """Visual wake words: channels that interval analysis proves constant are 44 % of its multiplications."""
    model = zoo.tflite("visual_wake_words")
    own = pipeline.check(settings(model, tmp_path, "cortex-m4"), "cortex-m4")
    saved = {one["name"]: one for one in own.passes}
    assert list(saved) == list(PASSES)
    assert saved["drop_channels"]["macs"] / own.model["macs"] > 0.4
    without = pipeline.check(settings(model, tmp_path, "cortex-m4", skip_passes=["drop_channels"]), "cortex-m4")
    assert [one["name"] for one in without.passes] == [name for name in PASSES if name != "drop_channels"]
    assert own.flash is not None and without.flash is not None
    assert without.flash["weights"] - own.flash["weights"] == saved["drop_channels"]["weights"]  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize("name", PASSES)
def test_bytes_are_the_same_without(name: str, tmp_path: Path) -> None:
    model = zoo.tflite("visual_wake_words")
    report = pipeline.build(settings(model, tmp_path, "host", skip_passes=[name]), "host")
    assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
