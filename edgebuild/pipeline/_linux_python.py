"""The Python runner on tflite-runtime, where that is the only runtime: run on an emulated core and on this machine.

Both sides are Debian's Python of the same release with the same version of the runtime, so that nothing depends on
which Python edgebuild runs on.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebuild import cache, emulators, process
from edgebuild.codegen import board as texts
from edgebuild.codegen.board import Board
from edgebuild.emulators.qemu_user import QemuUser
from edgebuild.errors import ToolError
from edgebuild.packagers import BundleFile
from edgebuild.pipeline import archive, fetch
from edgebuild.pipeline._linux_outputs import outputs
from edgebuild.pipeline.request import Request, own_digest
from edgebuild.pipeline.runtimes import PYTHON, Runtime, python_tree
from edgebuild.pipeline.stages import Stages
from edgebuild.target.profile import Profile

_SECONDS = 300.0
_SITE = "python/site"

NEEDS = ("python3 (>= 3.11)", "python3 (<< 3.12)", "python3-numpy")
"""Debian packages that the board must have: the runtime is for that Python alone."""

UNPROVEN = ("the memory that it takes: user-mode QEMU cannot tell it from its own",)


@dataclass(frozen=True)
class Made:
    """The runner with its runtime.

    Attributes:
        folder: laid out as the bundle is, for the board.
        twin: the same for this machine.
        tree, twin_tree: Debian's Python for either.
        key: hash of what runs on the board.
    """

    board: Board
    folder: Path
    twin: Path
    tree: Path
    twin_tree: Path
    key: str


def make(board: Board, runtime: Runtime, request: Request, stages: Stages) -> Made:
    """Download runtime and Python for both sides.

    Raises:
        ToolError: a download.
    """
    board = replace(board, program="python/run.py", vendored=True)
    machine = os.uname().machine
    if machine not in runtime.wheels:
        raise ToolError("this machine", f"is a {machine}, for which there is no {runtime.title}", "use an x86-64 one")
    with stages.stage("download") as hits:
        progress = stages.progress("download")
        there, here = (fetch.debian(python_tree(architecture), progress) for architecture in ("armhf", "amd64"))
        wheel, own = (fetch.wheel(runtime.wheels[name], progress) for name in ("armv7l", machine))
        hits += [hit for _, hit in (there, here, wheel, own)]
    (folder, key), (twin, _) = (_unpacked(board, runtime, file, stages) for file, _ in (wheel, own))
    return Made(board, folder, twin, there[0] / "root", here[0] / "root", key)


def _unpacked(board: Board, runtime: Runtime, wheel: Path, stages: Stages) -> tuple[Path, str]:
    """The runner with the runtime of ``wheel``, and the hash of both."""
    key = cache.key(own_digest(), texts.python(board), cache.file_digest(wheel))

    def work(folder: Path) -> None:
        archive.unpack_wheel(wheel, folder / _SITE, re.compile(rf"({runtime.module}|[^/]+\.dist-info)/"))
        for path, text in texts.python(board).items():
            (folder / path).write_bytes(text)

    return stages.stored("unpack", key, work), key


def files(made: Made) -> tuple[BundleFile, ...]:
    """The board's files, as they lie in the bundle."""
    found = []
    for path in sorted(p for p in made.folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        name = path.relative_to(made.folder).as_posix()
        found.append(BundleFile(name, path.read_bytes(), name == made.board.program))
    return tuple(found)


def needs(made: Made) -> tuple[str, ...]:
    """Debian packages that the board must have."""
    return NEEDS


def run_here(made: Made, content: bytes, inputs: np.ndarray, folder: Path) -> np.ndarray:
    """Outputs of the same runtime on this machine."""
    root = made.twin_tree
    libraries = root / "lib/x86_64-linux-gnu"
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", _libraries(root, "x86_64-linux-gnu")]
    argv = [*loader, str(root / PYTHON)]
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(root / "usr/lib/python3/dist-packages")}
    return _run(made, made.twin, argv, environment, content, inputs, folder, _SECONDS, "this machine")


def run_there(
    made: Made, profile: Profile, content: bytes, inputs: np.ndarray, folder: Path, seconds: float
) -> tuple[np.ndarray, None]:
    """Outputs of the emulated core; its memory cannot be measured.

    Raises:
        ToolError: QEMU.
        MismatchError: the runner failed or crashed.
    """
    emulator = QemuUser()
    emulator.emulates(profile).require()
    root = str(made.tree)
    argv = emulator.command(profile, f"{root}/{PYTHON}", (), root)
    label = emulators.find(profile.emulation.emulator).label(profile)
    return _run(made, made.folder, argv, {}, content, inputs, folder, seconds, label), None


def _libraries(root: Path, triplet: str) -> str:
    inside = (f"lib/{triplet}", f"usr/lib/{triplet}", f"usr/lib/{triplet}/blas", f"usr/lib/{triplet}/lapack")
    return ":".join(str(root / path) for path in inside)


def _run(
    made: Made,
    source: Path,
    argv: list[str],
    environment: dict[str, str],
    content: bytes,
    inputs: np.ndarray,
    folder: Path,
    seconds: float,
    where: str,
) -> np.ndarray:
    home = folder / "board"
    shutil.copytree(source, home)
    (home / f"{made.board.interface.name}.tflite").write_bytes(content)
    (home / "inputs.bin").write_bytes(inputs.tobytes())
    command = [*argv, "-B", made.board.program, "inputs.bin", "outputs.bin"]
    try:
        done = process.run(command, timeout=seconds, cwd=home, env=environment)
    except process.TimedOut as late:
        raise ToolError(
            f"{made.board.interface.name} on {where}",
            f"did not finish within {late.seconds:g} s and was ended",
            "allow more time with proof.timeout, or run fewer vectors",
        ) from late
    written = home / "outputs.bin"
    found = outputs(
        made.board, written.read_bytes() if written.is_file() else b"", len(inputs), done.status, done.stderr, where
    )
    shutil.rmtree(home)
    return found
