"""From generated C to a static library."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from edgebuild import process
from edgebuild.artifacts import SourceFile, Sources
from edgebuild.errors import ToolError
from edgebuild.target.profile import Profile
from edgebuild.toolchains import Options, Toolchain, find

_NO_LIBC = re.compile(r"fatal error: (string|math|stdlib)\.h: No such file|cannot read spec file|cannot find -l[cmg]\b")

_SECONDS_A_UNIT = 300.0
"""Time limit for one compiler run; a big weights file takes a second or two."""


def build_library(profile: Profile, sources: Sources, folder: Path, *, sanitize: bool = False) -> Path:
    """Write ``sources`` below ``folder``, compile every unit and archive the objects as ``lib<name>.a``.

    The same sources give the same bytes in any folder.

    Raises:
        ToolError: the compiler is missing, or does not accept the code; its words are the details.
    """
    toolchain = find(profile.toolchain)
    write(sources.files, folder)
    options = Options(includes=header_folders(sources.files), sanitize=sanitize)
    objects = compile_units(toolchain, profile, sources.units, folder, options)
    library = f"lib{sources.interface.name}.a"
    (folder / library).unlink(missing_ok=True)  # ar would add to an old one
    process.check(toolchain.archive(library, objects), tool=toolchain.archiver, timeout=_SECONDS_A_UNIT, cwd=folder)
    return folder / library


def compile_units(
    toolchain: Toolchain, profile: Profile, units: Sequence[str], folder: Path, options: Options
) -> tuple[str, ...]:
    """Compile ``units``, as many at a time as there are processors; paths of the objects, in order.

    Raises:
        ToolError: the compiler is missing or refuses a unit.
    """
    toolchain.compiler.require()
    outputs = object_paths(units)
    for output in outputs.values():
        (folder / output).parent.mkdir(parents=True, exist_ok=True)

    def compile_one(unit: str) -> None:
        argv = toolchain.compile(profile, unit, outputs[unit], options)
        try:
            process.check(argv, tool=toolchain.compiler, timeout=_SECONDS_A_UNIT, cwd=folder)
        except ToolError as error:
            raise (without_libc(toolchain, error.details) or error) from None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_one, unit) for unit in units]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return tuple(outputs.values())


def without_libc(toolchain: Toolchain, said: Iterable[str]) -> ToolError | None:
    """The error for a compiler whose C library is a package of its own that is missing, going by what it ``said``."""
    if any(_NO_LIBC.search(line) for line in said):
        return ToolError(toolchain.compiler.command, "has no C library", toolchain.compiler.install)
    return None


def object_paths(units: Iterable[str]) -> Mapping[str, str]:
    """The object of each unit, below ``obj/``: its whole path in the name, since an archive has no folders."""
    return {unit: f"obj/{PurePosixPath(unit).with_suffix('.o').as_posix().replace('/', '_')}" for unit in units}


def write(files: Iterable[SourceFile], folder: Path) -> None:
    """Write ``files`` below ``folder``."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def header_folders(files: Iterable[SourceFile]) -> tuple[str, ...]:
    """The folders that hold headers, sorted."""
    return tuple(sorted({str(PurePosixPath(f.path).parent) for f in files if f.path.endswith(".h")}))
