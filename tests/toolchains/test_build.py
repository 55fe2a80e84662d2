"""Library and link: the same bytes anywhere, sizes that arm-none-eabi-size confirms, budgets that hold."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from edgebuild import toolchains
from edgebuild.artifacts import SourceFile
from edgebuild.codegen.harness import harness
from edgebuild.errors import ExitCode, ToolError
from edgebuild.exchange import RETURNED_MARK
from edgebuild.target.load import load
from edgebuild.toolchains import RegionOverflow
from edgebuild.toolchains._build import without_libc
from edgebuild.toolchains._map import foreign, read_map
from tests.emulators import tiny

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
pytestmark = pytest.mark.qemu


def section_sizes(elf):
    out = subprocess.run(["arm-none-eabi-size", "-A", elf], check=True, capture_output=True, text=True).stdout
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\.\S+)\s+(\d+)", out, re.MULTILINE)}


@pytest.mark.parametrize("core", CORES)
def test_flash_is_what_size_says(core, tmp_path):
    image = tiny.build(load(core), tmp_path)
    sizes = section_sizes(image.elf)
    model = (".model_text", ".model_extab", ".model_exidx", ".model_data")
    assert image.flash.total == sum(sizes.get(name, 0) for name in model)
    assert image.flash.weights == 40
    assert image.flash.code == image.flash.total - 40
    assert image.static_bytes == sizes[".model_data"] + sizes[".model_bss"] == 0
    parts = read_map(image.map.read_text(), "libtiny.a")
    assert foreign(parts, "libtiny.a") == ()
    archives = {part.archive for part in parts if part.archive}
    assert archives == {"libtiny.a", "libc_nano.a", "libgcc.a"}


@pytest.mark.parametrize("core", CORES)
def test_the_harness_calls_nothing_but_the_model(core, tmp_path):
    """Then every member of libc and libgcc in the program is there because of the model."""
    image = tiny.build(load(core), tmp_path)
    defined, undefined = set(), set()
    for path in sorted((tmp_path / "obj").glob("harness_*.o")):
        listing = subprocess.run(["arm-none-eabi-nm", path], check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            (undefined if line.split()[-2] == "U" else defined).add(line.split()[-1])
    script = (tmp_path / "harness" / "link.ld").read_text()
    left = {name for name in undefined - defined if not re.search(rf"\b{name} = ", script)}
    assert left == {"tiny_invoke"}
    assert image.symbols[RETURNED_MARK][0] > 0


def test_two_folders_give_the_same_bytes(tmp_path):
    profile = load("cortex-m4")
    images = [tiny.build(profile, tmp_path / name) for name in ("here", "somewhere else, far away")]
    for a, b in (("library", "library"), ("elf", "elf")):
        assert getattr(images[0], a).read_bytes() == getattr(images[1], b).read_bytes()
    assert str(tmp_path).encode() not in images[0].elf.read_bytes()


def test_building_again_leaves_nothing_behind(tmp_path):
    profile = load("cortex-m3")
    first = toolchains.build_library(profile, tiny.sources(), tmp_path).read_bytes()
    fewer = tiny.sources()
    without = replace(fewer, units=fewer.units[:-1])
    toolchains.build_library(profile, without, tmp_path)
    assert toolchains.build_library(profile, tiny.sources(), tmp_path).read_bytes() == first
    toolchains.build_library(profile, without, tmp_path)
    members = subprocess.run(["ar", "t", tmp_path / "libtiny.a"], check=True, capture_output=True, text=True).stdout
    assert members.split() == ["src_tiny_weights.o", "src_tiny_invoke.o", "src_tiny_add.o", "src_tiny_divide.o"]


def test_steps_are_found(tmp_path):
    image = tiny.build(load("cortex-m4"), tmp_path)
    start, stop = image.invoke
    first, second, last = image.step_addresses
    assert start < first < second < stop
    assert last == image.symbols[RETURNED_MARK][0]


def custom(tmp_path, flash, ram):
    path = tmp_path / "tight.toml"
    path.write_text(
        f'inherits = "cortex-m4"\ntitle = "t"\n[memory.FLASH]\nbytes = {flash}\n[memory.RAM]\nbytes = {ram}\n'
    )
    return load(path)


def test_flash_overflow(tmp_path):
    room = tiny.build(load("cortex-m4"), tmp_path / "roomy").flash.total
    with pytest.raises(RegionOverflow) as caught:
        tiny.build(custom(tmp_path, room - 6, 4096), tmp_path / "tight")
    assert caught.value.exit_code == ExitCode.BUDGET
    assert (caught.value.region, caught.value.available, caught.value.excess) == ("FLASH", room - 6, 6)
    assert str(caught.value).splitlines() == [
        f"target tight: FLASH has {room - 6} bytes and the model needs {room}, 6 too many",
        "  remedy: choose a target with more flash, or prune, cluster or shrink the model",
    ]
    tiny.build(custom(tmp_path, room, 4096), tmp_path / "exact")


def test_ram_overflow(tmp_path):
    """24 bytes of arena and the least stack of 128: 152 bytes fit, not one word less."""
    tiny.build(custom(tmp_path, 65536, 152), tmp_path / "exact")
    with pytest.raises(RegionOverflow) as caught:
        tiny.build(custom(tmp_path, 65536, 100), tmp_path / "tight")
    assert str(caught.value).splitlines() == [
        "target tight: RAM has 100 bytes and the model needs 152, 52 too many",
        "  remedy: choose a target with more RAM, or make the largest activations smaller",
    ]


def test_code_that_does_not_compile(tmp_path):
    with pytest.raises(ToolError) as caught:
        tiny.build(load("cortex-m4"), tmp_path, tiny.sources(add="int tiny_add(void) { int x; }\n"))
    assert caught.value.exit_code == ExitCode.TOOL
    assert caught.value.place == "arm-none-eabi-gcc"
    assert caught.value.rule == "failed with status 1"
    assert any("unused variable" in line for line in caught.value.details)


def test_code_that_does_not_link(tmp_path):
    body = '#include "tiny_steps.h"\nvoid tiny_missing(void);\nvoid tiny_add(int8_t *a) { (void)a; tiny_missing(); }\n'
    with pytest.raises(ToolError) as caught:
        tiny.build(load("cortex-m4"), tmp_path, tiny.sources(add=body))
    assert caught.value.rule == "failed to link with status 1"
    assert any("tiny_missing" in line for line in caught.value.details)


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (
            "cortex-m4",
            [
                "arm-none-eabi-gcc: not found; needed for compiling for Cortex-M",
                "  remedy: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
            ],
        ),
        (
            "host",
            [
                "cc: not found; needed for compiling for this machine, and the instruction counter",
                "  remedy: apt-get install gcc libc6-dev",
            ],
        ),
    ],
)
def test_compiler_missing(target, lines, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        toolchains.build_library(load(target), tiny.sources(), tmp_path)
    assert str(caught.value).splitlines() == lines


@pytest.mark.parametrize(
    "line",
    [
        "src/x.c:1:10: fatal error: string.h: No such file or directory",
        "arm-none-eabi-gcc: fatal error: cannot read spec file 'nano.specs': No such file or directory",
        "ld: cannot find -lc: No such file or directory",
    ],
)
def test_a_compiler_without_a_c_library(line):
    error = without_libc(toolchains.find("gcc_arm"), ["something else", line])
    assert str(error).splitlines() == [
        "arm-none-eabi-gcc: has no C library",
        "  remedy: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ]
    assert without_libc(toolchains.find("gcc_arm"), ["src/x.c:1: fatal error: x.h: No such file"]) is None


def test_the_header_and_the_plan_must_agree(tmp_path):
    made = tiny.sources()
    lying = replace(made, interface=replace(made.interface, arena_bytes=32))
    library = toolchains.build_library(load("cortex-m4"), lying, tmp_path)
    with pytest.raises(ToolError) as caught:
        toolchains.link(load("cortex-m4"), lying, library, harness(lying.interface, load("cortex-m4")), tmp_path)
    assert any("the header and the plan disagree on the arena" in line for line in caught.value.details)


def test_initialised_data_lies_in_flash_and_ram(tmp_path):
    text = '#include "tiny_steps.h"\nvolatile int32_t tiny_state = 7;\n'
    text += "void tiny_add(int8_t *a) { *a = (int8_t)tiny_state; }\n"
    plain = tiny.build(load("cortex-m4"), tmp_path / "a")
    image = tiny.build(load("cortex-m4"), tmp_path / "b", tiny.sources(add=text))
    assert image.static_bytes == 4
    sizes = section_sizes(image.elf)
    assert image.flash.total == sizes[".model_text"] + sizes[".model_exidx"] + 4
    assert plain.static_bytes == 0


def test_host_counts_the_library_alone(tmp_path):
    image = tiny.build(load("host"), tmp_path)
    assert image.flash.weights == 40
    assert 40 < image.flash.total < 1000
    assert image.step_addresses == ()


def test_units_of_the_same_name_in_two_folders():
    assert toolchains.object_paths(["a/x.c", "b/x.c", "x.c"]) == {
        "a/x.c": "obj/a_x.o",
        "b/x.c": "obj/b_x.o",
        "x.c": "obj/x.o",
    }


def test_headers_in_another_folder(tmp_path):
    made = tiny.sources()
    moved = tuple(SourceFile("include/tiny.h", f.content) if f.path == "tiny.h" else f for f in made.files)
    sources = replace(made, files=moved)
    assert tiny.build(load("cortex-m33"), tmp_path, sources).flash.weights == 40
