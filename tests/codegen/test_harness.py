"""The harness's sources: what depends on the model, what on the target, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

from edgebuild import exchange
from edgebuild.codegen.harness import GUARD_BYTES, harness
from edgebuild.target.load import load
from tests.emulators import tiny

INTERFACE = tiny.sources().interface


def text(made, path):
    return next(file.content for file in made.files if file.path == path).decode()


def test_files():
    bare = harness(INTERFACE, load("cortex-m4"))
    assert bare.units == ("harness/run.c", "harness/boot.S", "harness/platform.c")
    assert bare.script == "harness/link.ld"
    native = harness(INTERFACE, load("host"))
    assert native.units == ("harness/run.c", "harness/platform.c")
    assert native.script is None


def test_the_same_for_the_same():
    assert harness(INTERFACE, load("cortex-m33")) == harness(INTERFACE, load("cortex-m33"))


def test_the_linker_script_has_the_targets_sizes():
    script = text(harness(INTERFACE, load("nucleo-l4r5zi")), "harness/link.ld")
    assert "FLASH (rx) : ORIGIN = 0x21000000, LENGTH = 2097152\n" in script
    assert f"RAM (rw) : ORIGIN = 0x20000000, LENGTH = 655360 + 2 * {GUARD_BYTES}\n" in script
    assert ". += 24;" in script


def test_guards_keep_the_arena_aligned():
    aligned = replace(INTERFACE, arena_alignment=256)
    script = text(harness(aligned, load("cortex-m4")), "harness/link.ld")
    assert "LENGTH = 2097152 + 2 * 256\n" in script
    assert "ALIGN(256)" in script


def test_the_record_is_the_one_that_is_read():
    header = text(harness(INTERFACE, load("cortex-m4")), "harness/exchange.h")
    assert tuple(re.findall(r"^    uint32_t (\w+);", header, re.MULTILINE)) == exchange.RECORD_FIELDS
    statuses = {name: int(value) for name, value in re.findall(r"STATUS_(\w+) = (\d+),", header)}
    assert statuses == {status.name: status.value for status in exchange.Status}


def test_a_port_name_cannot_end_the_comment():
    odd = replace(INTERFACE, inputs=(replace(INTERFACE.inputs[0], name="a */ b"),))
    assert "/* a * / b */" in text(harness(odd, load("cortex-m4")), "harness/run.c")


def test_records_that_are_none():
    assert exchange.read_record(b"") is None
    assert exchange.read_record(bytes(4 * len(exchange.RECORD_FIELDS))) is None
    header = exchange.inputs_header(3, 8)
    assert header == b"EBVI" + (3).to_bytes(4, "little") + (8).to_bytes(4, "little")
