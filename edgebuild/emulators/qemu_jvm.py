"""A Java virtual machine on an emulated CPU: the classes and the library of an Android package as an app uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.process import Tool
from edgebuild.target.profile import Profile

PROVER = "Prove"
"""The class that reads the vectors and calls the model."""


class QemuJvm(Emulator):
    """``qemu-aarch64`` or ``qemu-x86_64`` with a Linux JVM; the CPU is always named.

    In the image's folder lie ``java/`` (the virtual machine), ``classes.jar``, ``prover/`` and, as ``image.elf``,
    the library.  The interpreter is enough: the model is native code.
    """

    aarch64 = Tool("qemu-aarch64", "qemu-user libc6-arm64-cross", "running an arm64 Java virtual machine")
    x86_64 = Tool("qemu-x86_64", "qemu-user", "running an x86-64 Java virtual machine")
    program = aarch64
    tools = (aarch64, x86_64)
    loaders: ClassVar[dict[str, str]] = {"arm64-v8a": "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1"}
    """The dynamic loader by ABI, where the machine's own is not the right one; its C library lies beside it."""

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        folder = image.folder.resolve()
        loader = self.loaders.get(profile.cpu.abi)
        return [
            self.emulates(profile).command,
            *("-cpu", profile.emulation.cpu),
            *(("-L", loader.removesuffix("/lib/" + loader.rpartition("/")[2])) if loader else ()),
            f"{folder}/java/bin/java",
            *("-Xint", "-Xcheck:jni", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
            "-XX:ErrorFile=crash.log",
            "--enable-native-access=ALL-UNNAMED",
            f"-Djava.library.path={image.elf.resolve().parent}",
            *("-cp", f"{folder}/classes.jar:{folder}/prover"),
            PROVER,
            *arguments,
        ]

    def emulates(self, profile: Profile) -> Tool:
        """The QEMU for the profile's ABI."""
        return self.aarch64 if profile.cpu.abi == "arm64-v8a" else self.x86_64

    def label(self, profile: Profile) -> str:
        return f"a Java virtual machine in user-mode QEMU ({profile.emulation.cpu})"
