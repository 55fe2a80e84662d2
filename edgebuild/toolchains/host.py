"""The compiler of the machine that edgebuild runs on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from edgebuild.process import Tool
from edgebuild.target.profile import Profile
from edgebuild.toolchains import DEFAULT_FLAGS, Options, Toolchain

_SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


class Host(Toolchain):
    """``cc``, with AddressSanitizer and UBSan when asked."""

    compiler = Tool("cc", "gcc libc6-dev", "compiling for this machine, and the instruction counter")
    archiver = Tool("ar", "binutils", "the static library")
    lister = Tool("nm", "binutils", "addresses in the linked program")
    disassembler = Tool("objdump", "binutils", "reading the linked program")
    sizer = Tool("size", "binutils", "sizes of sections")
    copier = Tool("objcopy", "binutils", "images")
    tools = (compiler, archiver, lister, disassembler, sizer, copier)
    sanitizers = True

    def compile(self, profile: Profile, source: str, output: str, options: Options) -> list[str]:
        flags = [*profile.cpu.flags, *DEFAULT_FLAGS]
        if options.sanitize:
            flags += [*_SANITIZE, "-g"]
        includes = [f"-I{folder}" for folder in options.includes]
        return [self.compiler.command, *flags, *includes, "-c", source, "-o", output]

    def link(
        self, profile: Profile, objects: Sequence[str], library: str, script: str | None, output: str, options: Options
    ) -> list[str]:
        return [
            self.compiler.command,
            *profile.cpu.flags,
            *(_SANITIZE if options.sanitize else ()),
            "-Wl,--gc-sections",
            f"-Wl,-Map={PurePath(output).with_suffix('.map')}",
            *objects,
            library,
            "-lm",
            "-o",
            output,
        ]
