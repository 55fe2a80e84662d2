"""A program that loads the library of an Android package and calls it as a virtual machine would, on an emulated CPU.

For an ABI for which no Java virtual machine is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.process import Tool
from edgebuild.target.profile import Profile

PROVER = "prove"


class QemuJni(Emulator):
    """``qemu-arm`` with glibc for soft-float calls, which is how Android's ``armeabi-v7a`` passes numbers.

    In the image's folder lie the program ``prove`` and, as ``image.elf``, the library.
    """

    program = Tool("qemu-arm", "qemu-user", "running 32-bit Arm Linux programs")
    compiler = Tool(
        "arm-linux-gnueabi-gcc",
        "gcc-arm-linux-gnueabi libc6-dev-armel-cross",
        "the program that calls an armeabi-v7a library",
    )
    tools = (program, compiler)

    def compile(self, source: str, output: str, includes: Sequence[str]) -> list[str]:
        """Build the program that loads the library."""
        flags = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-march=armv7-a", "-mfpu=neon", "-mfloat-abi=softfp")
        return [self.compiler.command, *flags, *(f"-I{folder}" for folder in includes), source, "-o", output, "-ldl"]

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        return [
            self.program.command,
            *("-cpu", profile.emulation.cpu),
            *("-L", "/usr/arm-linux-gnueabi"),
            str(image.folder.resolve() / PROVER),
            str(image.elf.resolve()),
            *arguments,
        ]

    def label(self, profile: Profile) -> str:
        return f"user-mode QEMU ({profile.emulation.cpu})"
