"""Links the firmware image and runs it where the emulated machine can."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgebuild import cache, emulators, process, toolchains
from edgebuild.artifacts import Image, SourceFile, Sources
from edgebuild.codegen import firmware
from edgebuild.errors import MismatchError
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.stages import Stages

SECONDS = 600.0
"""Time limit of the firmware's self-test in the emulator: two inferences."""


def build(
    sources: Sources, image: Image, example: tuple[SourceFile, ...], request: Request, stages: Stages
) -> dict[str, bytes]:
    """The image as ``.elf``, ``.hex``, ``.map`` and, where it lies in one piece, ``.bin``.

    Raises:
        BudgetError: with the test vectors it does not fit the target.
        MismatchError: the emulator ran it and a byte was wrong.
    """
    profile, name = request.profile, sources.interface.name
    program = firmware.firmware(sources.interface, profile, example)
    key = cache.key(own_digest(), sources, program, profile.cpu, profile.memory, tools_identity(profile))

    def work(folder: Path) -> None:
        toolchain = toolchains.find(profile.toolchain)
        toolchains.write(sources.files, folder)
        shutil.copy(image.library, folder)
        linked = toolchains.link(profile, sources, folder / image.library.name, program, folder)
        kinds = {"hex": "ihex"} if profile.region("flash").address is None else {"hex": "ihex", "bin": "binary"}
        for suffix, kind in kinds.items():
            argv = toolchain.objcopy(linked.elf.name, f"{name}.{suffix}", kind)
            process.check(argv, tool=toolchain.copier, timeout=60, cwd=folder)
        if firmware.runs_in_the_emulator(profile):
            _run(linked, request)

    folder = stages.stored("firmware", key, work)
    found = {f".{suffix}": folder / f"{name}.{suffix}" for suffix in ("elf", "bin", "hex", "map")}
    return {suffix: path.read_bytes() for suffix, path in found.items() if path.is_file()}


def _run(linked: Image, request: Request) -> None:
    profile = request.profile
    emulator = emulators.find(profile.emulation.emulator)
    argv = emulator.argv(profile, linked, (), None)
    try:
        status = process.run(argv, timeout=SECONDS, cwd=linked.folder).status
    except process.TimedOut:
        status = -1
    if status != 0:
        how = "hung or faulted" if status < 0 else f"ended with status {status}"
        raise MismatchError(
            f"firmware of {request.config.name} on {profile.name}",
            f"its self-test {how} on {emulator.label(profile)}",
            "report this as a bug with the model; nothing was written",
        )
