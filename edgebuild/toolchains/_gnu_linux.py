"""The GNU compilers that Debian builds for other Linux machines; what they make is linked statically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from edgebuild.process import Tool
from edgebuild.target.profile import Profile
from edgebuild.toolchains import DEFAULT_FLAGS, Options, Toolchain


def tools(triplet: str, packages: str, cpu: str) -> tuple[Tool, ...]:
    """Compiler, ``ar``, ``nm``, ``objdump``, ``size`` and ``objcopy`` for ``triplet``.

    Args:
        packages: Debian packages of the compiler and its C library.
        cpu: what it compiles for, in words.
    """
    binutils = f"binutils-{triplet}"
    return (
        Tool(f"{triplet}-gcc", packages, f"compiling for {cpu}"),
        Tool(f"{triplet}-ar", binutils, "the static library"),
        Tool(f"{triplet}-nm", binutils, "addresses in the linked program"),
        Tool(f"{triplet}-objdump", binutils, "reading the linked program"),
        Tool(f"{triplet}-size", binutils, "sizes of sections"),
        Tool(f"{triplet}-objcopy", binutils, "images"),
    )


class GnuLinux(Toolchain):
    """A cross compiler with glibc.

    A program runs wherever the kernel and the CPU do: nothing of the board's own libraries is needed.
    ``-O3`` turns plain loops into NEON code where the flags of the CPU allow it.
    """

    def compile(self, profile: Profile, source: str, output: str, options: Options) -> list[str]:
        flags = [*profile.cpu.flags, *DEFAULT_FLAGS, "-O3"]
        includes = [f"-I{folder}" for folder in options.includes]
        return [self.compiler.command, *flags, *includes, "-c", source, "-o", output]

    def link(
        self, profile: Profile, objects: Sequence[str], library: str, script: str | None, output: str, options: Options
    ) -> list[str]:
        return [
            self.compiler.command,
            *profile.cpu.flags,
            "-static",
            "-Wl,--gc-sections",
            f"-Wl,-Map={PurePath(output).with_suffix('.map')}",
            *objects,
            library,
            "-lm",
            "-o",
            output,
        ]
