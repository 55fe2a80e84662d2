"""Tables and progress."""

import io
import sys

import pytest

from edgebuild.cli import console
from edgebuild.cli.console import Console, Progress, table


def test_table() -> None:
    rows = [["name", "size"], ["a", "1"], ["long", "1,000"]]
    assert table(rows, right=(1,)) == ["name   size", "a         1", "long  1,000"]


def test_a_log_gets_few_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    progress = Progress(Console())
    progress.started("t", "train")
    for second in range(25):
        now[0] = float(second)
        progress.progress("t", "train", second / 25, f"epoch {second}")
    progress.finished("t", "train", 25.0, cached=False)
    assert capsys.readouterr().err == ("t: train 40% epoch 10\nt: train 80% epoch 20\nt: train 25.0 s\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress(Console())
    progress.started("t", "train")
    progress.progress("t", "train", 0.5, "loss 0.25")
    progress.warn("careful")
    progress.progress("t", "train", 1.0, "")
    progress.finished("t", "train", 1.0, cached=False)
    assert isinstance(sys.stderr, Terminal)
    text = sys.stderr.getvalue()
    assert "t: train" in text
    assert " 50% |" in text
    assert "loss 0.25" in text
    assert "warning: careful\n" in text
    assert text.endswith("t: train 1.0 s\n")


def test_a_quiet_terminal_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress(Console(quiet=True))
    progress.started("t", "train")
    progress.progress("t", "train", 0.5, "")
    progress.finished("t", "train", 1.0, cached=False)
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == ""
