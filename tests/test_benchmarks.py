"""The figures that benchmarks/figures.json keeps still hold: they are counted, not timed."""

from __future__ import annotations

import pytest

from benchmarks import models


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize(("core", "model"), [("cortex-m0plus", "anomaly_detection"), ("cortex-m4", "keyword_spotting")])
def test_no_figure_is_worse_than_the_stored_one(core: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = {core: {model: models.measure(model, core)}}
    assert models.check(found) == 0, capsys.readouterr().out
    # the comparison itself: two percent more is worse
    found[core][model]["instructions"] = found[core][model]["instructions"] * 102 // 100
    assert models.check(found) == 1
    assert "instructions is" in capsys.readouterr().out
