"""A whole emulated Arm Linux system: Debian's kernel, the board's memory, and one command that runs in it."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.process import Tool
from edgebuild.target.profile import Profile


class QemuLinux(Emulator):
    """``qemu-system-aarch64``; machine, CPU and memory are always named.

    The system shares no file with this machine: everything that the command needs lies in the first file system
    (:mod:`edgebuild.emulators._guest`), and what it writes comes back over the console.
    """

    program = Tool("qemu-system-aarch64", "qemu-system-arm", "booting a Linux system on an emulated Arm core")
    compiler = Tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross", "its first process")
    tools = (program, compiler)
    boots = True

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        """The image lies in the first file system, ``arguments`` are the kernel and that."""
        kernel, first = arguments
        return self.command(profile, kernel, first)

    def command(self, profile: Profile, kernel: str, first: str) -> list[str]:
        """Boot ``kernel`` with the first file system in the file ``first``."""
        return [
            self.program.command,
            *("-machine", profile.emulation.machine),
            *("-cpu", profile.emulation.cpu),
            *("-smp", "4"),
            *("-m", f"{profile.bytes('ram') >> 20}M"),
            *("-nic", "none"),
            *("-display", "none"),
            *("-monitor", "none"),
            *("-serial", "stdio"),
            "-no-reboot",
            *("-kernel", kernel),
            *("-initrd", first),
            *("-append", "console=ttyAMA0 quiet loglevel=1 panic=-1"),
        ]

    def label(self, profile: Profile) -> str:
        return f"Linux on QEMU {profile.emulation.machine} ({profile.emulation.cpu})"
