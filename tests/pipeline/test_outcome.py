"""Gates that do not hold, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.config import Config
from edgebuild.errors import AccuracyError
from edgebuild.pipeline import outcome
from edgebuild.pipeline.request import Request
from edgebuild.reports.report import Gate, Report


def test_a_gate_that_does_not_hold_says_where_accuracy_went(tmp_path: Path) -> None:
    request = Request.of(Config(tmp_path / "net.keras", "net", ("cortex-m4",), tmp_path), "cortex-m4")
    steps = (
        {"technique": "distill", "settings": {}, "before": {"accuracy": 0.942}, "after": {"accuracy": 0.744}},
        {"technique": "prune", "settings": {}, "before": {"accuracy": 0.744}, "after": {"accuracy": 0.744}},
        {"technique": "quantize", "settings": {}, "before": {"accuracy": 0.744}, "after": {"bytes": 20808}},
    )
    gates = (Gate("flash", 65536, 17424, True), Gate("accuracy_drop", 0.01, 0.198, False))
    report = Report(edgebuild="0", target="cortex-m4", model={}, gates=gates, compression=steps)
    with pytest.raises(AccuracyError) as refused:
        outcome.insist_on_gates(report, request)
    assert str(refused.value) == (
        "net on cortex-m4: an accuracy gate does not hold on the emulated core\n"
        "  accuracy_drop is 0.1980, limit 0.0100\n"
        "  step 'distill' took the float model from 94.20% to 74.40%\n"
        "  remedy: train longer, compress less, or relax [gates] in edgebuild.toml"
    )
    assert refused.value.exit_code == 6
