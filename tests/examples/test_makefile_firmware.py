"""The plain Make project: builds, runs, does nothing the second time, and rebuilds exactly when it must."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import zoo

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "makefile-firmware"

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def make(folder: Path, *words: str, status: int = 0) -> str:
    """What ``make`` prints, both streams."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # as from a shell, also where make itself runs the tests
    outside = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(
        ["make", *words],
        cwd=folder,
        env={**outside, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (status == 0), done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("firmware") / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "*.o", "*.elf", "model.tflite"))
    shutil.copy(zoo.tflite("keyword_spotting"), folder / "model.tflite")
    make(folder)
    return folder


CALLED = "edgebuild --target cortex-m4"


def test_the_firmware_runs(project: Path) -> None:
    assert "largest output: " in make(project, "run")


def test_a_second_make_does_nothing(project: Path) -> None:
    assert make(project).strip().endswith("is up to date.")


def test_a_changed_configuration_builds_again(project: Path) -> None:
    file = project / "edgebuild.toml"
    file.write_text(file.read_text("utf-8") + "\n[proof]\nvectors = 2\n", "utf-8")
    assert CALLED in make(project)
    assert CALLED not in make(project)


def test_a_touched_model_is_looked_at_once(project: Path) -> None:
    (project / "model.tflite").touch()
    assert CALLED in make(project)
    assert CALLED not in make(project)


def test_a_failure_stops_make_and_leaves_the_bundle(project: Path) -> None:
    bundle = project / "build" / "cortex-m4"
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    file = project / "edgebuild.toml"
    good = file.read_text("utf-8")
    file.write_text(good.replace('flash = "1M"', 'flash = "1K"'), "utf-8")
    assert "error: " in make(project, status=2)
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before
    file.write_text(good, "utf-8")
    make(project)


def test_clean_leaves_the_project_as_it_came(project: Path) -> None:
    make(project, "clean")
    assert not (project / "build").exists() or not any((project / "build").rglob("*"))
