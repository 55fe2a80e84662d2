"""The C runner on LiteRT: compiled for the board and for this machine, and run on both."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from edgebuild import cache, emulators, process, toolchains
from edgebuild.codegen import board as texts
from edgebuild.codegen.board import Board
from edgebuild.emulators import Entry
from edgebuild.errors import ToolError
from edgebuild.packagers import BundleFile
from edgebuild.pipeline import archive, fetch
from edgebuild.pipeline._linux_files import depends
from edgebuild.pipeline._linux_outputs import outputs
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.runtimes import KERNEL, LIBRARIES, Runtime
from edgebuild.pipeline.stages import Stages
from edgebuild.target.load import load
from edgebuild.target.profile import Profile
from edgebuild.toolchains import Options

_SECONDS = 300.0
_RUNTIME = "libLiteRt.so"
UNPROVEN = ("python/run.py was not run: it takes the board's own Python and numpy",)

_LICENSE = re.compile(r"[^/]+\.dist-info/licenses/LICENSE$")


@dataclass(frozen=True)
class Made:
    """The runner for the board and for this machine.

    Attributes:
        folder: laid out as the bundle is, for the board.
        twin: the same for this machine.
        headers: what ``objdump`` says of the board's programs.
        key: hash of what the board's programs depend on.
    """

    board: Board
    folder: Path
    twin: Path
    headers: str
    key: str


def make(board: Board, runtime: Runtime, request: Request, stages: Stages) -> Made:
    """Download the runtime, and compile library and runner with it.

    Raises:
        ToolError: a download or a compiler.
    """
    wheel, here = download(request.profile, runtime, stages)
    profile = request.profile
    host = load("host", (_shipped(),))
    made = {}
    for name, target, library in (("compile", profile, wheel), ("twin", host, here)):
        source = (texts.library(board), texts.runner(board), cache.file_digest(library))
        key = cache.key(own_digest(), source, target.cpu, tools_identity(target))

        def work(folder: Path, target: Profile = target, library: Path = library) -> None:
            _compile(board, target, library, runtime, folder)

        made[name] = (stages.stored("compile", cache.key(name, key), work), key)
    folder, key = made["compile"]
    return Made(board, folder, made["twin"][0], (folder / "headers.txt").read_text(), key)


def _shipped() -> Path:
    from edgebuild import resources

    return resources.folder("targets")


def download(profile: Profile, runtime: Runtime, stages: Stages) -> tuple[Path, Path]:
    """Kernel and libraries of the emulated system, and the runtime for the board and for this machine."""
    with stages.stage("download") as hits:
        progress = stages.progress("download")
        for wanted, place in ((KERNEL, emulators.KERNEL), (LIBRARIES, None)):
            _, hit = fetch.debian(wanted, progress, place)
            hits.append(hit)
        wheel, hit = fetch.wheel(runtime.wheels["aarch64"], progress)
        hits.append(hit)
        here = _installed(runtime)
        if here is None:
            machine = os.uname().machine
            if machine not in runtime.wheels:
                rule = f"is a {machine}, for which there is no {runtime.title}"
                raise ToolError("this machine", rule, "build on an x86-64 one")
            here, hit = fetch.wheel(runtime.wheels[machine], progress)
            hits.append(hit)
    return wheel, here


def _installed(runtime: Runtime) -> Path | None:
    """The runtime's C library where Python has that very version installed: saves the download."""
    try:
        if metadata.version(runtime.package) != runtime.version:
            return None
    except metadata.PackageNotFoundError:
        return None
    found = importlib.util.find_spec(runtime.module)
    library = Path(found.origin).parent / _RUNTIME if found and found.origin else None
    return library if library is not None and library.is_file() else None


def _compile(board: Board, profile: Profile, library: Path, runtime: Runtime, folder: Path) -> None:
    toolchain, sources, name = toolchains.find(profile.toolchain), texts.library(board), board.interface.name
    for inside in ("bin", "lib", "include", "src"):
        (folder / inside).mkdir()
    if library.suffix == ".whl":
        (folder / "lib" / _RUNTIME).write_bytes(archive.read_wheel(library, runtime.library))
        (folder / "LICENSE.litert").write_bytes(archive.read_first(library, _LICENSE))
    else:
        shutil.copyfile(library, folder / "lib" / _RUNTIME)
    with cache.scratch("building") as work:
        archived = toolchains.build_library(profile, sources, work)
        main = texts.runner(board)
        toolchains.write((main,), work)
        shutil.copyfile(folder / "lib" / _RUNTIME, work / _RUNTIME)
        for argv in (
            toolchain.compile(profile, main.path, "main.o", Options(includes=(".",))),
            toolchain.link_dynamic(profile, ("main.o",), archived.name, (_RUNTIME,), "program"),
        ):
            process.check(argv, tool=toolchain.compiler, timeout=_SECONDS, cwd=work)
        shutil.copy(work / "program", folder / "bin" / board.command)
        shutil.copy(archived, folder / "lib")
        shutil.copy(work / f"{name}.h", folder / "include")
        for source in (f"{name}.c", main.path):
            shutil.copy(work / source, folder / "src")
        said = [
            process.check(toolchain.needed(file), tool=toolchain.disassembler, timeout=_SECONDS, cwd=work).stdout
            for file in ("program", _RUNTIME)
        ]
    (folder / "headers.txt").write_text("".join(said))


def files(made: Made) -> tuple[BundleFile, ...]:
    """The board's files, as they lie in the bundle."""
    found = []
    for path in sorted(p for p in made.folder.rglob("*") if p.is_file() and p.name != "headers.txt"):
        name = path.relative_to(made.folder).as_posix()
        found.append(BundleFile(name, path.read_bytes(), name.startswith("bin/")))
    python = texts.python(made.board).items()
    return (*found, *(BundleFile(path, text, path.endswith(".py")) for path, text in python))


def needs(made: Made) -> tuple[str, ...]:
    """Debian packages that the board must have."""
    return depends(made.headers)


def run_here(made: Made, content: bytes, inputs: np.ndarray, folder: Path) -> np.ndarray:
    """Outputs of the same runtime on this machine."""
    home = folder / "twin"
    shutil.copytree(made.twin, home)
    (home / f"{made.board.interface.name}.tflite").write_bytes(content)
    (folder / "inputs.bin").write_bytes(inputs.tobytes())
    argv = [f"twin/bin/{made.board.command}", "inputs.bin", "twin.bin"]
    try:
        done = process.run(argv, timeout=_SECONDS + len(inputs), cwd=folder)
    except process.TimedOut as late:
        raise ToolError(argv[0], f"did not finish within {late.seconds:g} s on this machine", "report this") from late
    written = (folder / "twin.bin").read_bytes() if (folder / "twin.bin").is_file() else b""
    for name in ("inputs.bin", "twin.bin"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(home)
    return outputs(made.board, written, len(inputs), done.status, done.stderr, "this machine")


def run_there(
    made: Made, profile: Profile, content: bytes, inputs: np.ndarray, folder: Path, seconds: float
) -> tuple[np.ndarray, int]:
    """Outputs of the emulated board, and the largest resident set of the runner in bytes.

    Raises:
        ToolError: QEMU.
        BudgetError: the board's memory is too small.
        MismatchError: the runner failed or crashed.
    """
    home = f"opt/{made.board.command}"
    system = {f"{home}/{file.path}": Entry(file.content, file.executable) for file in files(made)}
    system[f"{home}/{made.board.interface.name}.tflite"] = Entry(content)
    system |= system_libraries()
    system[f"{emulators.JOB}/inputs.bin"] = Entry(inputs.tobytes())
    command = (f"/{home}/bin/{made.board.command}", "inputs.bin", "out/outputs.bin")
    booted = emulators.boot(profile, system, command, folder / "system", seconds)
    said = booted.files.get("stderr", b"").decode(errors="replace")
    label = emulators.find(profile.emulation.emulator).label(profile)
    written = booted.files.get("outputs.bin", b"")
    return outputs(made.board, written, len(inputs), booted.status, said, label), booted.peak_bytes


def system_libraries() -> dict[str, Entry]:
    """The C and C++ libraries of Debian, which the runner is linked with."""
    folder, _ = fetch.debian(LIBRARIES, fetch.unheard)
    return tree(folder / "root")


def tree(folder: Path) -> dict[str, Entry]:
    """What lies below ``folder``, for an emulated system."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = Entry(link=str(path.readlink()))
        elif path.is_file():
            found[name] = Entry(path.read_bytes(), os.access(path, os.X_OK))
    return found
