"""A pruned model through the whole line: proven, smaller, and its report says what became of the zeros."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import config
from edgebuild.pipeline import line
from edgebuild.pipeline.stages import Silent
from tests.kernels import sparse_cases as cases
from tests.write_tflite import write

GRAPH = cases.conv((4, 4), (1, 1), 64, 64, lambda random, data: cases.pruned(random, data, (2, 4), 0.75))


class Warned(Silent):
    """Keeps what a build warns of."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.slow
def test_zeros_leave_the_flash_unless_the_user_forbids_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "net.tflite"
    path.write_bytes(write(GRAPH))
    given: dict[str, object] = {"model.path": str(path), "targets": ["cortex-m4"], "packages": ["c_array"]}
    found = {}
    for allowed in (True, False):
        listener, output = Warned(), tmp_path / str(allowed)
        build = config.load(None, {**given, "output": str(output), "compact_weights": allowed})
        report = line.build(build, "cortex-m4", listener)
        assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
        assert report.flash is not None
        (entry,) = report.pruned
        page = (output / "cortex-m4" / "report.html").read_text("utf-8")
        assert "Pruned weights" in page
        assert any("are stored whole: compact_weights is false" in text for text in listener.texts) == (not allowed)
        assert ("whole: compact_weights is false" in page) == (not allowed)
        found[allowed] = (entry["chosen"], report.flash["weights"])
    assert found[True][0] == "compact" and found[False][0] == "dense"
    weights = [found[allowed][1] for allowed in (True, False)]
    assert weights[0] is not None and weights[1] is not None and 2 * weights[0] < weights[1]
