"""Reads the GNU linker's map: which bytes of the program are the model's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN = "Linker script and memory map"
_OUTPUT = re.compile(r"(\.[\w.$-]+|[A-Za-z_][\w.$-]*)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$")
_INPUT = re.compile(r" (\S+)?\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)(?: (.*))?$")
_NAME_ONLY = re.compile(r" (\S+)$")
_MEMBER = re.compile(r"(.*?)\(([^()]+)\)$")

_RUNTIME = re.compile(r"lib(c|c_nano|m|gcc|g|g_nano|nosys)\.a$")
"""Archives of the compiler; their members are in the program because the model calls them."""

_MODEL_FLASH = frozenset({".model_text", ".model_extab", ".model_exidx", ".model_data"})
_MODEL_RAM = frozenset({".model_data", ".model_bss"})


@dataclass(frozen=True)
class Contribution:
    """Bytes that one input section gives to the program.

    Attributes:
        section: output section.
        archive: base name of the archive; empty for padding.
        member: object in the archive.
        in_flash, in_ram: where the bytes lie; initialised data lies in both.
    """

    section: str
    archive: str
    member: str
    bytes: int
    in_flash: bool
    in_ram: bool


def read_map(text: str, library: str) -> tuple[Contribution, ...]:
    """The model's part of a program: members of ``library`` and those of libc, libm and libgcc they pulled in.

    A program linked with the harness's script has sections of the model's own (``.model_*``), whose padding
    counts as well; in a native program, which has not, only the members of ``library`` count.
    """
    entries = tuple(_entries(text))
    bare_metal = any(section == ".model_text" for section, *_ in entries)
    found = []
    for section, name, size, origin in entries:
        archive, member = _split(origin)
        if size == 0:
            continue
        if bare_metal:
            flash, ram = section in _MODEL_FLASH, section in _MODEL_RAM
        else:
            flash = archive == library and name.startswith((".text", ".rodata", ".data"))
            ram = archive == library and name.startswith((".data", ".bss", "COMMON"))
        if flash or ram:
            found.append(Contribution(section, archive, member, size, flash, ram))
    return tuple(found)


def foreign(contributions: tuple[Contribution, ...], library: str) -> tuple[Contribution, ...]:
    """Those that come neither from ``library``, nor from the compiler's archives, nor are padding."""
    return tuple(c for c in contributions if c.archive not in ("", library) and not _RUNTIME.match(c.archive))


def _entries(text: str) -> Iterator[tuple[str, str, int, str]]:
    """Output section, input section, bytes and file of every input section and every padding."""
    section, pending = "", ""
    for line in text[text.find(_BEGIN) + len(_BEGIN) :].splitlines():
        if not line.startswith(" "):
            if found := _OUTPUT.match(line):
                section = found[1]
            pending = ""
        elif found := _INPUT.match(line):
            name, _, size, origin = found.groups()
            name = name or pending
            pending = ""
            # Symbols and assignments have no input section, or no file.
            if name and not name.startswith("0x") and (origin or name == "*fill*"):
                yield section, name, int(size, 16), "" if name == "*fill*" else origin.strip()
        elif found := _NAME_ONLY.match(line):
            pending = found[1]
        else:
            pending = ""


def _split(origin: str) -> tuple[str, str]:
    """Base name of the archive and its member, from ``path/libx.a(member.o)``."""
    found = _MEMBER.match(origin)
    if found is None:
        return "", ""
    return found[1].rsplit("/", 1)[-1], found[2]
