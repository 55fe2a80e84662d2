"""``build`` and ``check`` around a pipeline that only pretends."""

import signal
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import edgebuild as package
from edgebuild.cli import _summary
from edgebuild.errors import BudgetError, MismatchError
from tests.conftest import Outcome

Run = Callable[..., Outcome]

REPORT: dict[str, Any] = {
    "schema_version": 1,
    "target": "cortex-m4",
    "model": {"path": "net.tflite", "tflite_bytes": 1000, "macs": 2656768},
    "flash": {"total": 52116, "weights": 44000, "code": 8116},
    "ram": {"total": 23000, "arena": 18000, "io": 4000, "static": 0, "stack": 1000},
    "emulation": {
        "emulator": "qemu_system",
        "machine": "mps2-an386",
        "cpu": "cortex-m4",
        "vectors": 4,
        "mismatched_bytes": 0,
        "instructions": 9500000,
        "per_operator": [{"op": "CONV_2D", "name": "first", "instructions": 9000000}],
    },
    "accuracy": {"float": 0.915, "int8_host": 0.914, "device": 0.914, "samples": 500},
    "gates": [{"name": "flash", "limit": 262144, "value": 52116, "ok": True}],
    "files": [{"path": "net.h", "bytes": 100, "sha256": ""}],
    "seconds": {"convert": 1.25},
}


@dataclass(frozen=True)
class Report:
    target: str
    up_to_date: bool = False

    def as_json(self) -> dict[str, Any]:
        return {**REPORT, "target": self.target}


@pytest.fixture
def calls(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A pipeline that notes its calls; target ``pico2`` is too small, ``cortex-m7`` computes wrongly."""
    (here / "net.tflite").touch()
    noted: list[Any] = []

    def build(config: Any, target: str, listener: Any, use_cache: bool = True) -> Report:
        noted.append((target, use_cache))
        if target == "pico2":
            raise BudgetError("flash", "too much", "less", ("largest: x",))
        if target == "cortex-m7":
            raise MismatchError("qemu", "bytes differ", "report it")
        listener.started(target, "convert")
        listener.progress(target, "convert", 0.5, "epoch 1")
        listener.finished(target, "convert", 1.25, False)
        listener.finished(target, "generate", 0.0, True)
        listener.warn("careful")
        return Report(target)

    def check(config: Any, target: str, listener: Any) -> Report:
        if target == "pico2":
            raise BudgetError("flash", "too much", "less")
        return Report(target)

    fake = types.ModuleType("edgebuild.pipeline")
    fake.build, fake.check = build, check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "edgebuild.pipeline", fake)
    monkeypatch.setattr(package, "pipeline", fake, raising=False)
    return noted


BASE = ("--model", "net.tflite", "--target", "cortex-m4")


def test_a_build_shows_the_report(calls: list[Any], edgebuild: Run) -> None:
    done = edgebuild(*BASE)
    assert done.status == 0
    assert done.out == (
        "cortex-m4: built; 4 inputs on qemu_system mps2-an386 cortex-m4, all bytes equal TFLite's\n"
        "  flash        52,116 bytes  (weights 44,000, code 8,116)\n"
        "  ram          23,000 bytes  (arena 18,000, io 4,000, static 0, stack 1,000)\n"
        "  instructions 9,500,000 an inference, counted; these are not cycles\n"
        "  accuracy     float 91.50% → int8 on the host 91.40% → on the emulated core 91.40%  (500 samples)\n"
        "  gate         flash 52,116, limit 262,144: holds\n"
        "  files        1, 100 bytes\n"
    )
    assert done.err == "cortex-m4: convert 1.2 s\nwarning: careful\n"
    assert calls == [("cortex-m4", True)]


def test_quiet_and_verbose(calls: list[Any], edgebuild: Run) -> None:
    quiet = edgebuild(*BASE, "-q", "--no-cache")
    assert (quiet.out, quiet.err) == ("", "warning: careful\n")
    assert calls == [("cortex-m4", False)]
    loud = edgebuild("build", *BASE, "-v")
    assert "cortex-m4: generate reused" in loud.err
    assert "CONV_2D   first     9,000,000" in loud.out


def test_json_is_the_report(calls: list[Any], edgebuild: Run) -> None:
    assert edgebuild(*BASE, "--json").object == REPORT


def test_a_failure_of_the_only_target(calls: list[Any], edgebuild: Run) -> None:
    done = edgebuild("--model", "net.tflite", "--target", "pico2", "--json")
    assert done.status == 3
    assert done.err == "error: flash: too much\n  largest: x\n  remedy: less\n"
    assert done.object["error"]["exit_code"] == 3
    assert done.object["error"]["details"] == ["largest: x"]


def test_several_targets_go_on_after_a_failure(calls: list[Any], edgebuild: Run) -> None:
    names = ("cortex-m4", "pico2", "cortex-m7", "cortex-m3")
    words = [word for name in names for word in ("--target", name)]
    done = edgebuild("--model", "net.tflite", *words, "--json")
    assert done.status == 3
    assert [name for name, _ in calls] == list(names)
    assert [report["target"] for report in done.object["reports"]] == ["cortex-m4", "cortex-m3"]
    assert [(e["target"], e["exit_code"]) for e in done.object["errors"]] == [("pico2", 3), ("cortex-m7", 5)]
    assert done.object["error"] == done.object["errors"][0]
    assert "error: pico2: flash: too much\n" in done.err


def test_check(calls: list[Any], edgebuild: Run) -> None:
    done = edgebuild("check", *BASE)
    assert done.status == 0
    assert done.out.startswith("cortex-m4: fits, and can run every operator\n  flash        52,116 bytes")
    both = edgebuild("check", *BASE, "--target", "pico2", "--json")
    assert both.status == 3
    assert both.object["errors"][0]["target"] == "pico2"


def test_nothing_unmeasured_is_shown() -> None:
    bare = dict.fromkeys(REPORT) | {"target": "host", "gates": [], "files": []}
    assert _summary.built(bare, up_to_date=True, verbose=True) == ["host: up to date"]


ENDLESS = """
import sys, time, types
import edgebuild
fake = types.ModuleType("edgebuild.pipeline")
def build(config, target, listener, use_cache=True):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
fake.build = build
sys.modules["edgebuild.pipeline"] = edgebuild.pipeline = fake
from edgebuild import cli
cli.main(["--model", "net.tflite", "--target", "host"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_clean_up_and_are_exit_code_130(here: Path, number: int) -> None:
    (here / "net.tflite").touch()
    child = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert out == "cleaned up\n"
    assert err.endswith("interrupted\n")
    assert child.returncode == 130


@pytest.mark.parametrize(
    ("oracle", "words"),
    [
        ("tflm", "all bytes equal TFLite's"),
        ("tflm up to the SOFTMAX at the end, and numpy", "equal those of tflm up to the SOFTMAX at the end, and numpy"),
        ("numpy", "equal edgebuild's own definition, as TFLite could not run the model"),
    ],
)
def test_whose_bytes_they_are(oracle: str, words: str) -> None:
    run = {"emulator": "native", "vectors": 4, "mismatched_bytes": 0, "oracle": oracle}
    (first, *_) = _summary.built({"target": "host", "emulation": run}, up_to_date=False, verbose=False)
    assert first.endswith(words)
