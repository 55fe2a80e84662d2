"""A target as frozen dataclasses.  ``load`` makes them from TOML; everything else only reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgebuild.errors import UnsupportedError

Engine = Literal["c", "litert"]
Kind = Literal["flash", "ram"]


@dataclass(frozen=True)
class Region:
    """A memory of the target.

    Attributes:
        name: as a linker script would call it (``FLASH``, ``RAM``, ``DTCM``).
        kind: ``flash`` holds code and constants, ``ram`` tensors; the first ``ram`` static data and the stack too.
        bytes: what is really there.
        address: where it begins on the target; None for a bare core, which only has the emulated machine's.
        speed: of RAM, bytes a cycle; only how memories of one target compare matters.
    """

    name: str
    kind: Kind
    bytes: int
    address: int | None = None
    speed: float = 1.0


@dataclass(frozen=True)
class Cpu:
    """The processor.

    Attributes:
        name: as compilers and Arm name it (``cortex-m4``).
        features: what kernels may ask for: ``thumb`` (every Cortex-M), ``thumb2`` (Armv7-M on), ``dsp``, ``mve``,
            ``fpu``, ``neon`` …
        flags: compiler flags that select it.
        abi: what the system calls native code for it (Android: ``arm64-v8a``); empty where that says nothing.
    """

    name: str
    features: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    abi: str = ""


@dataclass(frozen=True)
class Emulation:
    """The emulated machine that proves a build.

    Attributes:
        emulator: plugin in ``edgebuild.emulators``.
        machine, cpu: as the emulator names them; always stated, never defaulted.
        origins: address of each memory region by name, plus ``HARNESS`` for the harness's own
            code and data, which must not use the model's memory.
        harness_bytes: size of the ``HARNESS`` region.
        capacity: bytes that the emulated machine has for each memory region, by name, the guard
            words of the harness not counted; a target cannot claim more.
    """

    emulator: str
    machine: str = ""
    cpu: str = ""
    origins: Mapping[str, int] = field(default_factory=dict)
    harness_bytes: int = 0
    capacity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class OperatorLimits:
    """What the target's runtime can run, beyond what the engine can.

    Attributes:
        allowed: TFLite operator names, or None for all.
        refused: TFLite operator names.
        dtypes: element types that activations may have.
        versions: highest operator version that the runtime there knows.
    """

    allowed: tuple[str, ...] | None = None
    refused: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("int8",)
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A target.

    Attributes:
        name: what the user types after ``--target``.
        title: one line for lists (``ST Nucleo-L4R5ZI, Cortex-M4F``).
        family: ``cortex-m``, ``linux``, ``android`` or ``host``.
        engine: ``c`` generates C, ``litert`` ships the TFLite runtime.
        io: element type of the model's border, ``int8`` or ``float32``.
        toolchain: plugin in ``edgebuild.toolchains``.
        packages: plugins in ``edgebuild.packagers`` that run by default.
        also: further targets whose code goes into the same package, each proven on its own.
        files: the TOML files it was merged from, the profile's own last.
    """

    name: str
    title: str
    family: str
    engine: Engine
    cpu: Cpu
    memory: tuple[Region, ...]
    toolchain: str
    emulation: Emulation
    packages: tuple[str, ...]
    io: str = "int8"
    operators: OperatorLimits = OperatorLimits()
    also: tuple[Profile, ...] = ()
    files: tuple[Path, ...] = ()

    def with_engine(self, engine: Engine | None) -> Profile:
        """The same target with another engine; generated C deploys an int8 border.

        Raises:
            UnsupportedError: there is no TFLite runtime for it.
        """
        if engine in (None, self.engine):
            return self
        if engine == "litert":
            raise UnsupportedError(
                f"target {self.name}", "there is no TFLite runtime for it", 'remove engine, or set engine = "c"'
            )
        return dataclasses.replace(self, engine="c", io="int8")

    def bytes(self, kind: Kind) -> int:
        """Total bytes of all regions of ``kind``."""
        return sum(region.bytes for region in self.regions(kind))

    def regions(self, kind: Kind) -> tuple[Region, ...]:
        """All regions of ``kind``, in the profile's order."""
        return tuple(region for region in self.memory if region.kind == kind)

    def region(self, kind: Kind) -> Region:
        """The first region of ``kind``: where the linker puts code, or static data and the stack.

        Raises:
            LookupError: the target states none.
        """
        for region in self.memory:
            if region.kind == kind:
                return region
        raise LookupError(f"{self.name} states no memory of kind {kind}")
