"""The GNU linker's map."""

from __future__ import annotations

from edgebuild.toolchains._map import Contribution, foreign, read_map

MAP = """\
Archive member included to satisfy reference by file (symbol)

libtiny.a(src_tiny_invoke.o)  obj/harness_run.o (tiny_invoke)

Discarded input sections

 .text          0x00000000        0x0 obj/harness_run.o
 .text.unused   0x00000000       0x99 libtiny.a(src_tiny_add.o)

Memory Configuration

Name             Origin             Length             Attributes
FLASH            0x21000000         0x00400000         xr

Linker script and memory map

LOAD obj/harness_run.o

.harness        0x00000000      0x61c
 *.o(.text .text.*)
 .text          0x000001b0       0x54 obj/harness_boot.o
                0x000001b0                harness_reset
 .rodata.inputs
                0x00000210        0x8 obj/harness_run.o

.model_text     0x21000000       0x60
 *.a:*(.text .text.* .rodata .rodata.*)
 .text.tiny_invoke
                0x21000000       0x14 libtiny.a(src_tiny_invoke.o)
                0x21000000                tiny_invoke
 .text          0x21000014        0x0 libtiny.a(src_tiny_add.o)
 *fill*         0x21000014        0xc
 .rodata.tiny_weights
                0x21000020       0x28 libtiny.a(src_tiny_weights.o)
 .text          0x21000048       0x18 /usr/lib/a b/libc_nano.a(libc_a-memcpy.o)

.model_data     0x20000000        0x4 load address 0x21000060
 .data.x        0x20000000        0x4 libtiny.a(src_tiny_add.o)

.model_bss      0x20000004        0x8
 COMMON         0x20000004        0x8 libtiny.a(src_tiny_add.o)

.ARM.attributes 0x00000000       0x2a
 .ARM.attributes
                0x00000000       0x1e libtiny.a(src_tiny_add.o)
"""


def test_only_the_models_sections_count():
    parts = read_map(MAP, "libtiny.a")
    assert parts == (
        Contribution(".model_text", "libtiny.a", "src_tiny_invoke.o", 0x14, True, False),
        Contribution(".model_text", "", "", 0xC, True, False),
        Contribution(".model_text", "libtiny.a", "src_tiny_weights.o", 0x28, True, False),
        Contribution(".model_text", "libc_nano.a", "libc_a-memcpy.o", 0x18, True, False),
        Contribution(".model_data", "libtiny.a", "src_tiny_add.o", 4, True, True),
        Contribution(".model_bss", "libtiny.a", "src_tiny_add.o", 8, False, True),
    )
    assert foreign(parts, "libtiny.a") == ()
    assert foreign(parts, "libother.a")[0].member == "src_tiny_invoke.o"


def test_a_native_program_has_no_sections_of_the_models_own():
    text = MAP
    for section in ("text", "data", "bss"):
        text = text.replace(f".model_{section}", f".{section}      ")
    parts = read_map(text, "libtiny.a")
    assert [(p.member, p.bytes) for p in parts if p.in_flash] == [
        ("src_tiny_invoke.o", 0x14),
        ("src_tiny_weights.o", 0x28),
        ("src_tiny_add.o", 4),
    ]
    assert sum(p.bytes for p in parts if p.in_ram) == 12
