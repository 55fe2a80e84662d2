"""From the library and the code around it to a shared library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebuild import process
from edgebuild.artifacts import SourceFile
from edgebuild.target.profile import Profile
from edgebuild.toolchains import Options, find
from edgebuild.toolchains._build import compile_units, header_folders, write

_SECONDS = 120.0


def link_library(
    profile: Profile, library: Path, glue: Sequence[SourceFile], headers: Sequence[SourceFile], output: str
) -> Path:
    """Compile ``glue`` beside ``library`` and link both to the shared library ``output``.

    Args:
        headers: files that lie there already and whose folders the glue may include from.

    Raises:
        ToolError: compiler or linker.
    """
    toolchain, folder = find(profile.toolchain), library.parent
    write(glue, folder)
    options = Options(includes=header_folders((*glue, *headers)), freestanding=True)
    units = [file.path for file in glue if file.path.endswith((".c", ".S"))]
    objects = compile_units(toolchain, profile, units, folder, options)
    argv = toolchain.link(profile, objects, library.name, None, output, options)
    process.check(argv, tool=toolchain.compiler, timeout=_SECONDS, cwd=folder)
    return folder / output
