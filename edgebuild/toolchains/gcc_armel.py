"""The GNU compiler for 32-bit Arm Linux with soft-float calls: its C library runs on an Armv6 core."""

from __future__ import annotations

from edgebuild.toolchains._gnu_linux import GnuLinux, tools


class GccArmel(GnuLinux):
    """``arm-linux-gnueabi-gcc``; the only one of Debian whose C library has no Armv7 code in it."""

    tools = tools(
        "arm-linux-gnueabi",
        "gcc-arm-linux-gnueabi libc6-dev-armel-cross",
        "32-bit Arm Linux (Armv6)",
    )
    compiler, archiver, lister, disassembler, sizer, copier = tools
