"""Inheriting, merging, explaining, and every refusal with its place and remedy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgebuild import resources
from edgebuild.errors import ExitCode, UsageError
from edgebuild.target.load import explain, load, names
from edgebuild.target.toml import merge, size

SHIPPED = resources.folder("targets")


def write(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def refused(path_or_name, search=None):
    with pytest.raises(UsageError) as caught:
        load(path_or_name, search)
    assert caught.value.exit_code == ExitCode.USAGE
    return str(caught.value).splitlines()


def test_a_board_is_one_small_file(tmp_path):
    path = write(
        tmp_path,
        "my-board",
        'inherits = "cortex-m4"\ntitle = "Mine"\n[memory.FLASH]\nbytes = "512 KiB"\n[memory.RAM]\nbytes = 65536\n',
    )
    profile = load(path)
    assert profile.name == "my-board"
    assert (profile.bytes("flash"), profile.bytes("ram")) == (512 * 1024, 64 * 1024)
    assert {"dsp", "fpu"} <= profile.cpu.features
    assert [file.name for file in profile.files] == ["_cortex-m.toml", "cortex-m4.toml", "my-board.toml"]


def test_the_board_in_the_docs(tmp_path):
    page = (SHIPPED.parent / "docs" / "boards.md").read_text()
    text = page.split("```toml\n")[1].split("```")[0]
    profile = load(write(tmp_path, "my-board", text))
    assert (profile.bytes("flash"), profile.bytes("ram")) == (1 << 20, 96 << 10)


def test_own_targets_come_first(tmp_path, monkeypatch):
    own = tmp_path / "targets"
    own.mkdir()
    write(own, "mine", 'inherits = "cortex-m3"\ntitle = "Mine"\n')
    write(own, "cortex-m4", 'inherits = "cortex-m4"\ntitle = "My M4"\n')
    monkeypatch.chdir(tmp_path)
    assert load("mine").title == "Mine"
    assert load("cortex-m4").title == "My M4"
    assert load("cortex-m4").emulation.machine == "mps2-an386"
    assert {"mine", "cortex-m4", "host"} <= set(names())
    assert "_cortex-m" not in names()


def test_explain(tmp_path):
    path = write(tmp_path, "b", 'inherits = "cortex-m4"\ntitle = "B"\n\n[memory.RAM]\nbytes = "8 KiB"\n')
    places = {origin.key: (origin.value, origin.place) for origin in explain(path)}
    assert places["memory.RAM.bytes"] == ("8 KiB", f"{path}:5")
    assert places["memory.RAM.kind"] == ("ram", place("_cortex-m", 'kind = "ram"'))
    assert places["cpu.name"] == ("cortex-m4", place("cortex-m4", "name = "))


def place(name, start):
    path = SHIPPED / f"{name}.toml"
    lines = path.read_text().splitlines()
    return f"{path}:{next(number for number, text in enumerate(lines, 1) if text.startswith(start))}"


def test_merge():
    below = {"a": {"x": 1, "list": [1, 2]}, "b": 1}
    assert merge(below, {"a": {"list": [3]}, "c": 2}) == {"a": {"x": 1, "list": [3]}, "b": 1, "c": 2}
    assert below == {"a": {"x": 1, "list": [1, 2]}, "b": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("640 KiB", 655360), ("2MiB", 2 << 20), ("1 GiB", 1 << 30), ("3 B", 3), (-1, None), (True, None),
     ("2 MB", None), (1.5, None), ("", None)],
)  # fmt: skip
def test_size(value, expected):
    assert size(value) == expected


def test_unknown_target():
    assert refused("cortex-m5") == ["target 'cortex-m5': no such target", "  remedy: did you mean 'cortex-m55'"]
    lines = refused("toaster")
    assert lines[0] == "target 'toaster': no such target"
    assert lines[1].startswith("  remedy: use one of: android, android-arm64, ")


def test_a_parent_is_no_target():
    assert refused("_cortex-m")[0] == "target '_cortex-m': no such target"


def test_unknown_file(tmp_path):
    assert refused(str(tmp_path / "x.toml")) == [
        f"{tmp_path}/x.toml: no such target file",
        "  remedy: check the path, or name one of: edgebuild targets",
    ]


START = 'inherits = "cortex-m4"\ntitle = "t"\n'


@pytest.mark.parametrize(
    ("text", "where", "rule", "remedy"),
    [
        (START + "[cpu]\nnmae = 1\n", 4, "unknown key 'cpu.nmae'", "did you mean 'name'"),
        (START + "colour = 1\n", 3, "unknown key 'colour'", "use one of: also, cpu, emulation, engine, family, "
         "inherits, io, memory, operators, packages, title, toolchain"),
        (START + "[memory.RAM]\n# big\nbites = 1\n", 5, "unknown key 'memory.RAM.bites'", "did you mean 'bytes'"),
        (START + "[memory]\nRAM.bytes = 'much'\n", 4,
         "'memory.RAM.bytes' must be a size: bytes, or words like \"640 KiB\", not 'much'", "correct the value"),
        (START + "[memory.ram]\nkind = 'ram'\nbytes = 1\n", 3,
         "memory region 'ram' cannot stand in a linker script", "use capitals"),
        (START + "[memory.TCM]\nkind = 'ram'\n", 3, "'memory.TCM.bytes' is missing", "state it"),
        (START + "[memory.TCM]\nkind = 'ram'\nbytes = 5\n", None,
         "'emulation.origins.TCM' is missing", "state its address in the emulated machine"),
        (START + "[memory.TCM]\nkind = 'ram'\nbytes = 5\n[emulation.origins]\nTCM = 0x20000400\n", 7,
         "RAM and TCM overlap in the emulated machine, where a memory has 256 guard bytes besides", "place them apart"),
        (START + "[memory.ROM]\nkind = 'flash'\nbytes = 5\n", None,
         "needs exactly one memory of kind flash, found: FLASH, ROM", "state the one to use"),
        (START + "[memory.AUTO]\nkind = 'ram'\nbytes = 5\n", 3,
         "memory region 'AUTO' cannot name a variable in C", "call it otherwise"),
        (START + "[memory.RAM]\nspeed = 0\n", 4,
         "'memory.RAM.speed' must be a positive number: bytes a cycle, not 0", "correct the value"),
        (START + "[memory.RAM]\nbytes = '4 MiB'\n", 4,
         "RAM has 4194304 bytes, the emulated machine mps2-an386 only 3145728",
         "state at most that, or emulate another machine"),
        (START + 'engine = "d"\n', 3, "'engine' must be c or litert, not 'd'", "correct the value"),
        (START + "cpu = 3\n", 3, "'cpu' must be a table", "write [cpu]"),
        (START + '[cpu]\nfeatures = ["dps"]\n', 4, "unknown feature 'cpu.features.dps'", "did you mean 'dsp'"),
        (START + "[operators.versions]\nADD = 0\n", 4,
         "'operators.versions.ADD' must be a positive integer, not 0", "correct the value"),
        ('inherits = "cortex-m44"\n', 1, "no target 'cortex-m44' to inherit from", "did you mean 'cortex-m4'"),
        ("title = 3", 1, "'title' must be a string, not 3", "correct the value"),
        ("title = \n", 1, "not valid TOML: Invalid value", "correct the line"),
    ],
)  # fmt: skip
def test_a_broken_file(tmp_path, text, where, rule, remedy):
    path = write(tmp_path, "broken", text)
    place = f"{path}:{where}" if where else str(path)
    assert refused(path) == [f"{place}: {rule}", f"  remedy: {remedy}"]


def test_inheriting_in_a_circle(tmp_path):
    write(tmp_path, "a", 'inherits = "b"\n')
    path = write(tmp_path, "b", '# b\ninherits = "a"\n')
    assert refused(tmp_path / "a.toml") == [
        f"{path}:2: inherits from itself through 'a'",
        "  remedy: break the circle",
    ]


def test_something_missing(tmp_path):
    path = write(tmp_path, "bare", 'title = "x"\nfamily = "host"\nengine = "c"\n')
    assert refused(path) == [f"{path}: 'io' is missing", "  remedy: state it, or inherit from a target that does"]


def test_a_core_without_a_place_in_the_machine(tmp_path):
    text = """
inherits = "_cortex-m"
title = "x"
cpu.name = "cortex-m4"
memory.FLASH.bytes = 1
memory.RAM.bytes = 1
[emulation.origins]
FLASH = 0
"""
    path = write(tmp_path, "x", text)
    assert refused(path) == [
        f"{path}:7: 'emulation.origins.HARNESS' is missing",
        "  remedy: state its address in the emulated machine",
    ]


def test_not_text(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    assert refused(path) == [f"{path}: cannot be read: it is not UTF-8", "  remedy: check the path"]


def test_loading_imports_nothing_slow():
    code = (
        "import sys\nfrom edgebuild.target.load import load, names\n[load(n) for n in names()]\n"
        "print([m for m in ('numpy', 'jinja2', 'difflib', 'subprocess') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
