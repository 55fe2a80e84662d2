"""QEMU's user mode: an Arm Linux program on this machine's kernel."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.process import Tool
from edgebuild.target.profile import Profile

_PACKAGE = "qemu-user"


class QemuUser(Emulator):
    """``qemu-arm`` or ``qemu-aarch64``; the CPU is always named.

    It has no memory of its own: what a process takes is QEMU's as well, so no peak of it is reported.
    """

    arm = Tool("qemu-arm", _PACKAGE, "running 32-bit Arm Linux programs")
    aarch64 = Tool("qemu-aarch64", _PACKAGE, "running 64-bit Arm Linux programs")
    program = arm
    tools = (arm, aarch64)

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        return self.command(profile, str(image.elf.resolve()), arguments)

    def command(self, profile: Profile, program: str, arguments: Sequence[str], root: str = "") -> list[str]:
        """Run ``program`` with ``arguments``.

        Args:
            root: folder in which libraries, and all other absolute paths, are looked up first.
        """
        options = ("-cpu", profile.emulation.cpu, *(("-L", root) if root else ()))
        return [self.emulates(profile).command, *options, program, *arguments]

    def emulates(self, profile: Profile) -> Tool:
        """The QEMU for the profile's kind of CPU."""
        return self.aarch64 if profile.toolchain == "gcc_aarch64" else self.arm

    def label(self, profile: Profile) -> str:
        return f"user-mode QEMU ({profile.emulation.cpu})"
