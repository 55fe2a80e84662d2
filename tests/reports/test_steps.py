"""The table of what each compression step cost and bought, in the terminal and in the page."""

from __future__ import annotations

from typing import Any

from edgebuild.cli import _summary
from edgebuild.reports import steps

BEGIN = {"parameters": 45322, "zeros": 0.0, "macs": 2727744, "accuracy": 0.942, "bytes": 71096}
PRUNED = {**BEGIN, "zeros": 0.604508, "accuracy": 0.938}
LARGE = "weights alone are 62,000 bytes, 30,000 more than flash has"
COMPRESSION: list[dict[str, Any]] = [
    {
        "technique": "prune",
        "settings": {},
        "before": {**BEGIN, "unmeasured": LARGE},
        "after": {**PRUNED, "flash": 31509, "ram": 16056, "instructions": 1918633},
    },
    {"technique": "quantize", "settings": {}, "before": PRUNED, "after": {"ranges": "mse"}},
]


def test_the_summary_shows_each_step() -> None:
    report = {"target": "cortex-m4", "compression": COMPRESSION}
    assert _summary.built(report, up_to_date=False, verbose=False) == [
        "cortex-m4: built",
        "",
        "                accuracy  zeros  parameters       MACs  .tflite   flash     RAM  instructions",
        "  (your model)    94.20%     0%      45,322  2,727,744   71,096       -       -             -",
        "  prune           93.80%    60%      45,322  2,727,744   71,096  31,509  16,056     1,918,633",
        "  (your model): weights alone are 62,000 bytes, 30,000 more than flash has",
    ]


def test_what_nobody_measured_has_no_column() -> None:
    bare = [{"technique": "prune", "before": {"zeros": 0.0, "accuracy": None}, "after": {"zeros": 0.5}}]
    assert steps.table(bare) == [["", "zeros"], ["(your model)", "0%"], ["prune", "50%"]]
    assert steps.table([]) == steps.table([COMPRESSION[1]]) == []
