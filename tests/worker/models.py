"""The models that ``build_models.py`` makes, built once a test session however many processes run it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Folder of the models."""
    root = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # pytest-xdist gives every process a folder below a shared one
        root = root.parent
    folder = root / "models"
    with (root / "models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "models.built").exists():
            run_script(Path(__file__).with_name("build_models.py"), folder)
            (root / "models.built").touch()
    return folder


def run_script(script: Path, *words: str | Path) -> str:
    """What ``script`` prints, run with the folder ``words[0]``, if it is given, made for it."""
    for folder in words[:1]:
        Path(folder).mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
