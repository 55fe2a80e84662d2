"""The native library of an Android package, for one ABI."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PurePosixPath

from edgebuild import cache, toolchains
from edgebuild.artifacts import Flash, Image, Sources
from edgebuild.codegen import android
from edgebuild.errors import ToolError
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.stages import Stages
from edgebuild.toolchains.clang_android import VARIABLE, api_level
from edgebuild.validate import shared_library


def compile_library(sources: Sources, request: Request, stages: Stages) -> Image:
    """The library as ``Image.elf``, with the archive of the generated C that is in it.

    Raises:
        ToolError: compiler or linker.
    """
    profile, name = request.profile, sources.interface.name
    binding, glue, libc = android.Binding.of(name), android.glue(sources.interface), android.libc()
    key = cache.key(own_digest(), sources, glue, libc, profile.cpu, tools_identity(profile))

    def work(folder: Path) -> None:
        whole = dataclasses.replace(sources, files=(*sources.files, *libc))
        library = toolchains.build_library(profile, whole, folder)
        linked = toolchains.link_library(profile, library, glue, whole.files, binding.file)
        weights = PurePosixPath(toolchains.object_paths([sources.weights_unit])[sources.weights_unit])
        total, constant = (shared_library.loaded_bytes(path.read_bytes()) for path in (linked, folder / weights))
        (folder / "flash.json").write_text(json.dumps({"total": total, "weights": constant, "code": total - constant}))

    folder = stages.stored("compile", key, work)
    return Image(
        folder=folder,
        elf=folder / binding.file,
        map=(folder / binding.file).with_suffix(".map"),
        library=folder / f"lib{name}.a",
        flash=Flash(**json.loads((folder / "flash.json").read_text())),
        static_bytes=0,
        step_addresses=(),
        invoke=(0, 0),
    )


def insist_on_loadable(image: Image, natives: frozenset[str], request: Request) -> None:
    """Read the library back.

    Args:
        natives: functions that the Java class declares.

    Raises:
        ToolError: Android would not load it, or it is not what the class needs; all broken rules are named.
    """
    profile = request.profile
    expected = shared_library.Expected(profile.cpu.abi, image.elf.name, api_level(profile), natives)
    broken = shared_library.complaints(image.elf.read_bytes(), expected)
    if broken:
        raise ToolError(
            f"{image.elf.name} for {profile.cpu.abi}",
            f"was linked, and breaks {len(broken)} rule{'s' if len(broken) > 1 else ''} of Android or of edgebuild",
            f"unset {VARIABLE} if it is set, so that Debian's clang-14 and lld-14 are used; else report this as a bug",
            broken,
        )
