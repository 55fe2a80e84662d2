"""The GNU compiler for bare-metal Arm, with newlib-nano: what most Cortex-M firmware is built with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from edgebuild.process import Tool
from edgebuild.target.profile import Profile
from edgebuild.toolchains import DEFAULT_FLAGS, Options, Toolchain


def _binutils(command: str, purpose: str) -> Tool:
    return Tool(f"arm-none-eabi-{command}", "binutils-arm-none-eabi", purpose)


class GccArm(Toolchain):
    """``arm-none-eabi-gcc``; the C library is newlib-nano, of which only what the model calls is linked."""

    compiler = Tool("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", "compiling for Cortex-M")
    archiver = _binutils("ar", "the static library")
    lister = _binutils("nm", "addresses in the linked program")
    disassembler = _binutils("objdump", "telling operators apart in the linked program")
    sizer = _binutils("size", "sizes of sections")
    copier = _binutils("objcopy", "firmware images")
    tools = (compiler, archiver, lister, disassembler, sizer, copier)

    def compile(self, profile: Profile, source: str, output: str, options: Options) -> list[str]:
        flags = [*profile.cpu.flags, *DEFAULT_FLAGS]
        if options.freestanding:
            flags += ["-ffreestanding", "-fno-builtin", "-fno-tree-loop-distribute-patterns"]
        includes = [f"-I{folder}" for folder in options.includes]
        return [self.compiler.command, *flags, *includes, "-c", source, "-o", output]

    def link(
        self, profile: Profile, objects: Sequence[str], library: str, script: str | None, output: str, options: Options
    ) -> list[str]:
        if script is None:
            raise ValueError("a bare-metal program needs a linker script")
        linker = (
            "--gc-sections",
            "--orphan-handling=error",
            f"--script={script}",
            f"-Map={PurePath(output).with_suffix('.map')}",
        )
        return [
            self.compiler.command,
            *profile.cpu.flags,
            "-nostartfiles",
            "--specs=nano.specs",
            *(f"-Wl,{option}" for option in linker),
            *objects,
            library,
            "-lm",
            "-o",
            output,
        ]
