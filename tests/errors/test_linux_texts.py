"""Refusals of a build for a Linux board: exit code, text, and nothing written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import zoo
from tests.downloads import share
from tests.errors.versions import with_version

pytestmark = pytest.mark.qemu


@pytest.fixture
def project(here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and its settings."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(share(tmp_path_factory.mktemp("cache"))))
    (here / "net.tflite").write_bytes(zoo.tflite("keyword_spotting").read_bytes())
    (here / "edgebuild.toml").write_text('targets = ["rpi4"]\n[model]\npath = "net.tflite"\n')
    return here


def command(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgebuild", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("verb", ["build", "check"])
@pytest.mark.parametrize(
    ("target", "runtime", "most"), [("rpi4", "LiteRT 2.3.0", 14), ("rpi3-32", "TensorFlow Lite 2.14.0", 10)]
)
def test_an_operator_newer_than_the_runtime(verb: str, target: str, runtime: str, most: int, project: Path) -> None:
    content = (project / "net.tflite").read_bytes()
    (project / "net.tflite").write_bytes(with_version(content, "FULLY_CONNECTED", most + 1))
    done = command(verb, "--target", target)
    assert done.returncode == 4, done.stderr
    assert (
        f"net: {runtime}, the runtime of {target}, cannot run 1 operator of this model\n"
        f"  FULLY_CONNECTED 'model/dense': version {most + 1}, and {runtime} has it up to {most}\n"
        "  remedy: change the layers named above, convert with an older TensorFlow, "
        "or choose a target with a newer runtime\n"
    ) in done.stderr
    (project / "net.tflite").write_bytes(with_version(content, "FULLY_CONNECTED", most))
    assert command("check", "--target", target).returncode == 0


def test_no_runtime_for_armv6(project: Path) -> None:
    with (project / "edgebuild.toml").open("a") as file:
        file.write('[target.rpi-zero]\nengine = "litert"\n')
    done = command("--target", "rpi-zero")
    assert done.returncode == 4, done.stderr
    assert (
        'target rpi-zero: there is no TFLite runtime for it\n  remedy: remove engine, or set engine = "c"\n'
    ) in done.stderr


def test_a_package_of_another_family(project: Path) -> None:
    with (project / "edgebuild.toml").open("a") as file:
        file.write('[target.cortex-m4]\npackages = ["deb"]\n')
    done = command("--target", "cortex-m4")
    assert done.returncode == 2
    assert "packages: deb is for targets of the family linux, and cortex-m4 is cortex-m" in done.stderr


@pytest.mark.slow
def test_an_emulated_system_that_hangs(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("path")
    fake = place / "qemu-system-aarch64"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo QEMU emulator version 7.2.0 && exit\nexec sleep 600\n')
    fake.chmod(0o755)
    with (project / "edgebuild.toml").open("a") as file:
        file.write("[proof]\ntimeout = 1\n")
    done = command(env={**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 7, done.stderr
    assert (
        "rpi4 on Linux on QEMU virt (cortex-a72): qemu-system-aarch64 did not finish within 1 s and was ended\n"
        "  remedy: allow more time with proof.timeout, or run fewer vectors; "
        "if it hangs with one, report this as a bug\n"
    ) in done.stderr
    assert not (project / "build").exists()


@pytest.mark.slow
def test_an_emulated_system_that_talks_nonsense(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("path")
    fake = place / "qemu-system-aarch64"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo QEMU emulator version 7.2.0 && exit\necho hello\n')
    fake.chmod(0o755)
    done = command(env={**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 7, done.stderr
    assert (
        "the system did not boot, or its answer is damaged; QEMU ended with status 0\n  hello\n"
        "  remedy: run edgebuild doctor\n"
    ) in done.stderr


@pytest.mark.slow
def test_a_wrong_byte(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A runtime that gives other bytes on the emulated board than here is no runtime to ship."""
    place = tmp_path_factory.mktemp("path")
    real = shutil.which("qemu-system-aarch64")
    fake = place / "qemu-system-aarch64"
    fake.write_text(f"#!{sys.executable}\n" + WRONG.format(real=real))
    fake.chmod(0o755)
    done = command(env={**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 5, done.stderr
    assert "output bytes of 4 inferences differ from LiteRT 2.3.0 on this machine\n" in done.stderr
    assert "vector 1, output " in done.stderr and not (project / "build").exists()


WRONG = r"""
import base64, subprocess, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(subprocess.call(["{real}", "--version"]))
lines = subprocess.run(["{real}", *sys.argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
lines = lines.replace("\r", "").split("\n")
at = next(i for i, line in enumerate(lines) if line.startswith("@eb file outputs.bin"))
end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("@eb "))
content = bytearray(base64.b64decode("".join(lines[at + 1 : end])))
content[3] ^= 0x80
total = 1
for byte in content:
    total = (total * 31 + byte) & 0xFFFFFFFF
lines[at] = f"@eb file outputs.bin {{len(content)}} {{total}}"
lines[at + 1 : end] = [base64.b64encode(content).decode()]
print("\n".join(lines))
"""
