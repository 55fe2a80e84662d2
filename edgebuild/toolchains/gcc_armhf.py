"""The GNU compiler for 32-bit Arm Linux with hard floats, Armv7 and up."""

from __future__ import annotations

from edgebuild.toolchains._gnu_linux import GnuLinux, tools


class GccArmhf(GnuLinux):
    """``arm-linux-gnueabihf-gcc``; its C library has Armv7 code in it."""

    tools = tools(
        "arm-linux-gnueabihf",
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
        "32-bit Arm Linux (Armv7)",
    )
    compiler, archiver, lister, disassembler, sizer, copier = tools
