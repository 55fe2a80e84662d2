"""The GNU compiler for 64-bit Arm Linux."""

from __future__ import annotations

from edgebuild.toolchains._gnu_linux import GnuLinux, tools


class GccAarch64(GnuLinux):
    """``aarch64-linux-gnu-gcc``."""

    tools = tools(
        "aarch64-linux-gnu",
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        "64-bit Arm Linux",
    )
    compiler, archiver, lister, disassembler, sizer, copier = tools
