"""Reads a shared library back and tells what would keep Android from loading it, or what should not be in it.

The rules' docstrings are what a user reads.  Sources: the System V ABI's chapter 5, Android's "Android ABIs" and
"Support 16 KB page sizes", and the changes for native code by API level in bionic's documentation.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

PAGE = 0x4000
"""Bytes of the largest page that Android uses: 16 KB."""

_MACHINES = {
    "arm64-v8a": ("EM_AARCH64", 64, 0),
    "armeabi-v7a": ("EM_ARM", 32, 0x5000200),  # EABI version 5, soft-float calls
    "x86_64": ("EM_X86_64", 64, 0),
}
"""Machine, bits and flags of the ELF header, by Android's name of the ABI."""

_RELATIVE = {"EM_AARCH64": 1027, "EM_ARM": 23, "EM_X86_64": 8}
"""The one type of relocation that needs no symbol: an address in the library itself."""

_TEXT_RELOCATIONS = 0x4
"""DF_TEXTREL in DT_FLAGS."""


@dataclass(frozen=True)
class Expected:
    """What the library has to be.

    Attributes:
        abi: Android's name for it.
        file: its file name.
        api: the lowest API level it runs on.
        natives: functions that its Java class declares, as the Java Native Interface spells them.
    """

    abi: str
    file: str
    api: int
    natives: frozenset[str]


@dataclass(frozen=True)
class Segment:
    """A program header."""

    kind: str
    flags: int
    align: int
    offset: int
    start: int
    stop: int


@dataclass(frozen=True)
class Library:
    """What the file says of itself.

    Attributes:
        api: from Android's note; None without.
        sections: names of those that are loaded and writable.
    """

    machine: str
    bits: int
    flags: int
    kind: str
    segments: tuple[Segment, ...]
    tags: dict[str, list[Any]]
    imports: frozenset[str]
    exports: frozenset[str]
    relocations: frozenset[int]
    sections: frozenset[str]
    api: int | None


def read(content: bytes) -> Library:
    """What ``content`` says of itself.

    Raises:
        ValueError: it is not a whole ELF file with a dynamic section.
    """
    try:
        return _read(ELFFile(io.BytesIO(content)))
    except (ELFError, KeyError, IndexError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"is not a whole ELF library: {error}") from error


def _read(elf: Any) -> Library:
    dynamic = elf.get_section_by_name(".dynamic")
    tags: dict[str, list[Any]] = {}
    for tag in dynamic.iter_tags():
        text = {"DT_NEEDED": "needed", "DT_SONAME": "soname"}.get(tag.entry.d_tag)
        tags.setdefault(tag.entry.d_tag, []).append(getattr(tag, text) if text else tag.entry.d_val)
    symbols = [symbol for symbol in elf.get_section_by_name(".dynsym").iter_symbols() if symbol.name]
    note = elf.get_section_by_name(".note.android.ident")
    found = list(note.iter_notes()) if note is not None else []
    return Library(
        machine=elf["e_machine"],
        bits=elf.elfclass,
        flags=elf["e_flags"],
        kind=elf["e_type"],
        segments=tuple(_segment(segment.header) for segment in elf.iter_segments()),
        tags=tags,
        imports=frozenset(s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF"),
        exports=frozenset(s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF"),
        relocations=frozenset(
            entry["r_info_type"]
            for section in elf.iter_sections()
            if section["sh_type"] in ("SHT_REL", "SHT_RELA")
            for entry in section.iter_relocations()
        ),
        sections=frozenset(s.name for s in elf.iter_sections() if s["sh_flags"] & 1 and s["sh_flags"] & 2),
        api=int.from_bytes(found[0]["n_descdata"][:4], "little") if found else None,
    )


def _segment(header: Any) -> Segment:
    start = header.p_vaddr
    return Segment(header.p_type, header.p_flags, header.p_align, header.p_offset, start, start + header.p_memsz)


Rule = Callable[[Library, Expected], bool]


def complaints(content: bytes, expected: Expected) -> tuple[str, ...]:
    """The rules that the library breaks, in words; nothing when it can be packed."""
    try:
        library = read(content)
    except ValueError as error:
        return (str(error),)
    return tuple((rule.__doc__ or "").rstrip(".") for rule in RULES if not rule(library, expected))


def right_machine(library: Library, expected: Expected) -> bool:
    """Machine, word size or calling convention is not the ABI's."""
    return (library.machine, library.bits, library.flags) == _MACHINES[expected.abi]


def shared(library: Library, expected: Expected) -> bool:
    """It is not a shared library."""
    return library.kind == "ET_DYN"


def aligned(library: Library, expected: Expected) -> bool:
    """A loaded segment is not aligned to 16 KB, which devices with pages of that size need."""
    loaded = [s for s in library.segments if s.kind == "PT_LOAD"]
    return bool(loaded) and all(s.align == PAGE and (s.start - s.offset) % PAGE == 0 for s in loaded)


def protected(library: Library, expected: Expected) -> bool:
    """Memory is writable and executable at once, or the stack may be executed."""
    stacks = [s for s in library.segments if s.kind == "PT_GNU_STACK"]
    return all(s.flags & 3 != 3 for s in library.segments) and len(stacks) == 1 and not stacks[0].flags & 1


def no_text_relocations(library: Library, expected: Expected) -> bool:
    """It has text relocations, which Android refuses from API level 23 on."""
    flags = library.tags.get("DT_FLAGS", [0])[0]
    return "DT_TEXTREL" not in library.tags and not flags & _TEXT_RELOCATIONS


def only_relative_relocations(library: Library, expected: Expected) -> bool:
    """A relocation looks for a symbol."""
    return library.relocations <= {_RELATIVE.get(library.machine, 0)}


def nothing_imported(library: Library, expected: Expected) -> bool:
    """It needs another library, or a symbol of one."""
    return not library.imports and "DT_NEEDED" not in library.tags


def exports_are_the_natives(library: Library, expected: Expected) -> bool:
    """What it exports is not what its Java class declares native."""
    return library.exports == expected.natives


def named(library: Library, expected: Expected) -> bool:
    """Its SONAME is not its file name."""
    return library.tags.get("DT_SONAME") == [expected.file]


def hashed_both_ways(library: Library, expected: Expected) -> bool:
    """A symbol hash is missing: before API level 23 Android reads the old one alone."""
    return {"DT_HASH", "DT_GNU_HASH"} <= library.tags.keys()


def no_variables(library: Library, expected: Expected) -> bool:
    """It has variables of its own, and all that an inference writes belongs into its arena."""
    return library.sections <= {".data.rel.ro", ".dynamic", ".got", ".relro_padding"}


def relro_is_mapped(library: Library, expected: Expected) -> bool:
    """What is made read-only after loading reaches beyond the pages that are mapped."""
    loaded = [s for s in library.segments if s.kind == "PT_LOAD"]
    return all(
        any(s.start <= r.start and r.stop <= -(-s.stop // 0x1000) * 0x1000 for s in loaded)
        for r in library.segments
        if r.kind == "PT_GNU_RELRO"
    )


def built_for_the_api_level(library: Library, expected: Expected) -> bool:
    """Its note does not state the package's lowest API level."""
    return library.api == expected.api


RULES: tuple[Rule, ...] = (
    right_machine,
    shared,
    aligned,
    protected,
    no_text_relocations,
    only_relative_relocations,
    nothing_imported,
    exports_are_the_natives,
    named,
    hashed_both_ways,
    no_variables,
    relro_is_mapped,
    built_for_the_api_level,
)
"""Everything that is looked at, in this order."""


def loaded_bytes(content: bytes) -> int:
    """Bytes of an ELF file (library or object) that are loaded from it: code and constants."""
    sections = ELFFile(io.BytesIO(content)).iter_sections()
    return sum(int(s["sh_size"]) for s in sections if s["sh_flags"] & 2 and s["sh_type"] != "SHT_NOBITS")
