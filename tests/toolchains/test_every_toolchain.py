"""What every toolchain plugin has to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgebuild import toolchains
from edgebuild.process import Tool
from edgebuild.target.load import load
from edgebuild.toolchains import DEFAULT_FLAGS, Options, Toolchain

PROFILE = load("cortex-m4")


@pytest.fixture(params=toolchains.names())
def toolchain(request) -> Toolchain:
    return toolchains.find(request.param)


def test_tools_are_known_to_doctor(toolchain):
    used = (toolchain.compiler, toolchain.archiver, toolchain.lister, toolchain.disassembler)
    assert {*used, toolchain.sizer, toolchain.copier} <= set(toolchain.tools)
    assert all(isinstance(tool, Tool) and tool.package and tool.purpose for tool in toolchain.tools)


def test_compile(toolchain):
    argv = toolchain.compile(PROFILE, "src/x.c", "obj/x.o", Options(includes=("include",)))
    assert argv[0] == toolchain.compiler.command
    assert {*DEFAULT_FLAGS, *PROFILE.cpu.flags, "-Iinclude", "src/x.c"} <= set(argv)
    assert argv[-2:] == ["-o", "obj/x.o"]


def test_link(toolchain):
    argv = toolchain.link(PROFILE, ["a.o"], "libx.a", "x.ld", "x.elf", Options())
    assert argv.index("a.o") < argv.index("libx.a")
    assert "-Wl,-Map=x.map" in argv


def test_archive_has_no_dates(toolchain):
    assert toolchain.archive("libx.a", ["a.o"])[1:] == ["rcsD", "libx.a", "a.o"]


def test_images(toolchain):
    assert toolchain.objcopy("x.elf", "x.hex", "ihex")[1:] == ["--output-target=ihex", "x.elf", "x.hex"]
    assert toolchain.size("x.elf")[-1] == "x.elf"


def test_sanitizers_only_where_they_exist(toolchain):
    plain = toolchain.compile(PROFILE, "x.c", "x.o", Options())
    sanitized = toolchain.compile(PROFILE, "x.c", "x.o", Options(sanitize=True))
    assert (plain != sanitized) == toolchain.sanitizers


def test_bare_metal_needs_a_script():
    with pytest.raises(ValueError, match="linker script"):
        toolchains.find("gcc_arm").link(PROFILE, [], "libx.a", None, "x.elf", Options())


def test_unknown():
    with pytest.raises(KeyError):
        toolchains.build_library(replace(PROFILE, toolchain="no-such"), None, None)
