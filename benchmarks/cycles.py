"""Estimated cycles: how often the emulated core executed each instruction, times what Arm's manuals say it takes.

An estimate, never a measurement: no wait states, no caches, no bus contention, the upper end of every published range
(benchmarks/cycles.toml).  Cores without a published table have none.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import cache, emulators, exchange, process, resources, toolchains
from edgebuild.artifacts import Image, Vectors
from edgebuild.emulators import Plugin
from edgebuild.emulators._count import plugin_api
from edgebuild.target.profile import Profile

TABLES: Mapping[str, Mapping[str, Any]] = tomllib.loads((Path(__file__).parent / "cycles.toml").read_text())
SECONDS = 600.0

_COMPILER = process.Tool("cc", "gcc libc6-dev", "compiling the histogram")
_LINE = re.compile(r"\s*([0-9a-f]+):\s+(\S+)(?:\s+(.*))?$")
_WIDTH = re.compile(r"\.[nw]$|(\.[fsui]\d+)+$")

_LONG = ("umull", "smull")
_LONG_ACCUMULATE = ("umlal", "smlal", "umaal")
_BRANCHES = ("b", "bx", "cbz", "cbnz")
_CONDITIONS = "eq ne cs cc hs lo mi pl vs vc hi ls ge lt gt le al".split()


@dataclass(frozen=True)
class Block:
    """Instructions that were executed one after another.

    Attributes:
        executed: how often.
        taken: how often the last one did not fall through.
    """

    executed: int
    taken: int
    addresses: tuple[int, ...]


@dataclass(frozen=True)
class Instruction:
    """As the disassembler writes it, without width and, outside branches, condition."""

    mnemonic: str
    operands: str

    @property
    def registers(self) -> int:
        """How many registers its list names."""
        inside = self.operands[self.operands.index("{") + 1 : self.operands.index("}")]
        count = 0
        for part in inside.split(","):
            first, _, last = part.strip().partition("-")
            count += _number(last) - _number(first) + 1 if last else 1
        return count

    @property
    def loads_pc(self) -> bool:
        """Whether it jumps to an address that it loads."""
        target = self.operands[self.operands.find("{") :] if "{" in self.operands else self.operands.split(",")[0]
        return self.mnemonic.startswith(("ldr", "ldm", "pop")) and re.search(r"\bpc\b", target) is not None


def _number(register: str) -> int:
    names = {"sl": 10, "fp": 11, "ip": 12, "sp": 13, "lr": 14, "pc": 15}
    return names[register] if register in names else int(register.lstrip("rsd"))


def instructions(disassembly: str) -> dict[int, Instruction]:
    """The instructions of an ``objdump`` listing by address."""
    found = {}
    for line in disassembly.splitlines():
        if match := _LINE.match(line):
            operands = re.split(r"\s*[;@]|\s*//", match[3] or "")[0]
            found[int(match[1], 16)] = Instruction(_plain(match[2]), operands.strip())
    return found


def _plain(mnemonic: str) -> str:
    """Without width, type and condition: ``ldrbne.w`` is ``ldrb``; the conditions of a branch stay apart as ``b``."""
    name = _WIDTH.sub("", mnemonic)
    for stem in ("ldr", "str", "ldm", "stm", "mov", "add", "sub", "b", "bx", "pop", "push"):
        for condition in _CONDITIONS:
            for kind in ("", "b", "h", "sb", "sh", "d", "s", "ia", "db", "mia", "mdb"):
                if name == f"{stem}{kind}{condition}" and not (stem == "b" and kind):
                    return stem + kind
    return name


def cost(one: Instruction, before: Instruction | None, table: Mapping[str, Any]) -> int:
    """Cycles of an instruction that follows ``before``, without what a taken branch adds."""
    name = one.mnemonic
    if name.startswith(("pop", "push", "ldm", "stm", "vldm", "vstm", "vpush", "vpop")):
        return table["multiple"] + table["each"] * one.registers + (table["return"] if one.loads_pc else 0)
    if name in ("ldrd", "strd"):
        return table["double"]
    if name.startswith(("ldr", "str", "vldr", "vstr")):
        return _single(one, before, table)
    if name in ("tbb", "tbh"):
        return table["table"]
    if name in ("bl", "blx"):
        return table["call"]
    if name in _BRANCHES:
        return table["branch"]
    if name in ("sdiv", "udiv"):
        return table["divide"]
    if name.startswith(("vdiv", "vsqrt")):
        return table["float_divide"]
    if name.startswith(("vmla", "vmls", "vnml", "vfma", "vfms", "vfnm")):
        return table["float_accumulate"]
    if name.startswith("v"):
        return table["float"]
    return table[_arithmetic(name)]


def _arithmetic(name: str) -> str:
    """The class of what neither branches nor touches memory."""
    if name.startswith(_LONG):
        return "long_multiply"
    if name.startswith(_LONG_ACCUMULATE):
        return "long_accumulate"
    if name in ("mla", "mls"):
        return "accumulate"
    if name in ("mul", "muls"):
        return "multiply"
    return "system" if name in ("mrs", "msr", "dmb", "dsb", "isb") else "data"


def _single(one: Instruction, before: Instruction | None, table: Mapping[str, Any]) -> int:
    """A load or store of one register: one less after a load; stores at a constant offset take one in any case."""
    store = one.mnemonic.startswith(("str", "vstr"))
    cycles: int = table["store" if store else "load"]
    if not table["pipelined"]:
        return cycles
    if store and not re.search(r"\[[^]]*,\s*[^#\s\]]", one.operands):
        return 1
    follows_load = before is not None and before.mnemonic.startswith("ldr") and before.mnemonic != "ldrd"
    return cycles - 1 if follows_load else cycles


def total(blocks: Iterable[Block], code: Mapping[int, Instruction], table: Mapping[str, Any]) -> int:
    """Estimated cycles of everything that ``blocks`` executed."""
    cycles = 0
    for block in blocks:
        before = None
        for address in block.addresses:
            one = code[address]
            cycles += block.executed * cost(one, before, table)
            before = one
        cycles += block.taken * table["taken"]
    return cycles


def read(text: str) -> Iterator[Block]:
    """The blocks that the plugin wrote."""
    for line in text.splitlines():
        executed, taken, *addresses = line.split()
        yield Block(int(executed), int(taken), tuple(int(address, 16) for address in addresses))


def histogram(profile: Profile, image: Image, vectors: Vectors, folder: Path) -> tuple[Block, ...]:
    """What the emulated core executed in the first inference over ``vectors``."""
    emulator = emulators.find(profile.emulation.emulator)
    folder.mkdir(parents=True, exist_ok=True)
    marks = (image.invoke[0], image.symbols[exchange.RETURNED_MARK][0])
    (folder / "marks.txt").write_text("".join(f"{address & ~1:x}\n" for address in marks))
    rows = vectors.inputs[:1]
    (folder / exchange.INPUTS_FILE).write_bytes(exchange.inputs_header(*rows.shape) + rows.tobytes())
    files = (exchange.INPUTS_FILE, exchange.OUTPUTS_FILE, exchange.RECORD_FILE)
    argv = emulator.argv(profile, image, files, Plugin(_plugin(), "marks.txt", "blocks.txt"))
    process.check(argv, tool=emulator.program, timeout=SECONDS, cwd=folder)
    return tuple(read((folder / "blocks.txt").read_text()))


def _plugin() -> Path:
    """The plugin as a shared object, compiled once for each source."""
    source, headers = Path(__file__).with_name("histogram.c"), resources.folder("templates") / "harness"
    api = plugin_api(process.run(["qemu-system-arm", "--version"], timeout=60).stdout)
    key = hashlib.sha256(source.read_bytes() + bytes([api])).hexdigest()[:16]
    library = cache.root() / "tools" / f"histogram-{key}.so"
    if not library.is_file():
        library.parent.mkdir(parents=True, exist_ok=True)
        flags = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{headers}")
        argv = [_COMPILER.command, *flags, f"-DPLUGIN_API={api}", str(source), "-o", str(library)]
        process.check(argv, tool=_COMPILER, timeout=60)
    return library


def estimate(profile: Profile, image: Image, vectors: Vectors, folder: Path) -> int | None:
    """Estimated cycles of one inference; None where Arm publishes no table for the core."""
    table = TABLES.get(profile.cpu.name)
    if table is None:
        return None
    toolchain = toolchains.find(profile.toolchain)
    argv: Sequence[str] = toolchain.disassemble(str(image.elf), 0, 0xFFFFFFFF)
    listing = process.check(argv, tool=toolchain.disassembler, timeout=SECONDS).stdout
    return total(histogram(profile, image, vectors, folder), instructions(listing), table)
