"""Compilers: plugins say how a program is called, the functions here call it.

The line: :func:`build_library` compiles what the code generator made into ``lib<name>.a``, the archive that
the user gets; :func:`link` puts that archive and a harness into a program that an emulator can run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebuild import registry
from edgebuild.process import Tool
from edgebuild.target.profile import Profile

DEFAULT_FLAGS = (
    "-std=c11",
    "-O2",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Werror",
)
"""What every generated C file is compiled with; it must be clean under these warnings."""


@dataclass(frozen=True)
class Options:
    """How to compile.

    Attributes:
        includes: folders of headers, relative to where the compiler runs.
        freestanding: the unit must not lean on libc, not even for a loop that looks like ``memset``.
        sanitize: AddressSanitizer and UBSan, where the toolchain has them.
    """

    includes: tuple[str, ...] = ()
    freestanding: bool = False
    sanitize: bool = False


class Toolchain(ABC):
    """A compiler and its binary utilities.  Methods return argument vectors and run nothing.

    Paths in them are relative to the folder in which they are run, so that no path of this machine can
    get into an object.

    Attributes:
        compiler, archiver, lister, disassembler, sizer, copier: the programs, in that order ``cc``, ``ar``,
            ``nm``, ``objdump``, ``size``, ``objcopy``.
        sanitizers: whether :attr:`Options.sanitize` works.
    """

    compiler: ClassVar[Tool]
    archiver: ClassVar[Tool]
    lister: ClassVar[Tool]
    disassembler: ClassVar[Tool]
    sizer: ClassVar[Tool]
    copier: ClassVar[Tool]
    tools: ClassVar[tuple[Tool, ...]]
    sanitizers: ClassVar[bool] = False

    @abstractmethod
    def compile(self, profile: Profile, source: str, output: str, options: Options) -> list[str]:
        """C or assembly ``source`` to object ``output``."""

    @abstractmethod
    def link(
        self, profile: Profile, objects: Sequence[str], library: str, script: str | None, output: str, options: Options
    ) -> list[str]:
        """``objects`` and ``library`` to program ``output``; the map goes beside it, ``.map`` for ``.elf``."""

    def link_dynamic(
        self, profile: Profile, objects: Sequence[str], library: str, shared: Sequence[str], output: str
    ) -> list[str]:
        """``objects`` and ``library`` to a Linux program that looks for the libraries ``shared`` in ``../lib``."""
        # what the shared libraries need themselves is there where the program runs, not here
        linker = ("--gc-sections", "--strip-all", "--allow-shlib-undefined", "-rpath,$ORIGIN/../lib")
        return [
            self.compiler.command,
            *profile.cpu.flags,
            *(f"-Wl,{option}" for option in linker),
            *objects,
            library,
            *shared,
            "-o",
            output,
        ]

    def needed(self, program: str) -> list[str]:
        """The shared libraries that a Linux program needs, and which versions of them."""
        return [self.disassembler.command, "--private-headers", program]

    def archive(self, library: str, objects: Sequence[str]) -> list[str]:
        """``objects`` to static ``library``, with no dates and no owners in it."""
        return [self.archiver.command, "rcsD", library, *objects]

    def symbols(self, program: str) -> list[str]:
        """Symbols with sizes, sorted by address."""
        return [self.lister.command, "--numeric-sort", "--print-size", "--defined-only", program]

    def disassemble(self, program: str, start: int, stop: int) -> list[str]:
        """The instructions from ``start`` up to ``stop``, without their bytes."""
        span = (f"--start-address={start:#x}", f"--stop-address={stop:#x}")
        return [self.disassembler.command, "--disassemble", "--no-show-raw-insn", *span, program]

    def size(self, program: str) -> list[str]:
        """The size of each section, in System V format."""
        return [self.sizer.command, "--format=sysv", program]

    def objcopy(self, program: str, output: str, target: str) -> list[str]:
        """``program`` as ``target``: ``binary`` or ``ihex``."""
        return [self.copier.command, f"--output-target={target}", program, output]


def names() -> tuple[str, ...]:
    """Names of all toolchains."""
    return registry.names(__name__)


def find(name: str) -> Toolchain:
    """The toolchain ``name``.

    Raises:
        KeyError: there is none of that name.
    """
    return registry.find(__name__, name, Toolchain)()  # type: ignore[type-abstract]


from edgebuild.toolchains._build import build_library, object_paths, write  # noqa: E402
from edgebuild.toolchains._link import RegionOverflow, link  # noqa: E402
from edgebuild.toolchains._shared import link_library  # noqa: E402

__all__ = [
    "DEFAULT_FLAGS",
    "Options",
    "Path",
    "RegionOverflow",
    "Toolchain",
    "build_library",
    "find",
    "link",
    "link_library",
    "names",
    "object_paths",
    "write",
]
