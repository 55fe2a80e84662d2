"""Each rule for an Android library, broken by a library that the very tools make."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from edgebuild import resources
from edgebuild.target.load import load
from edgebuild.toolchains import Options, find
from edgebuild.validate.shared_library import RULES, Expected, complaints, loaded_bytes

pytestmark = pytest.mark.qemu

NOTE = resources.folder("templates") / "packages/android_aar/native/android_note.S"
SOURCE = """
const int weights[4] = {1, 2, 3, 4};
static const int *const table[2] = {weights, weights + 2};
__attribute__((visibility("default"))) int run(int i);
int run(int i) { return *table[i & 1]; }
"""
EXPECTED = Expected("arm64-v8a", "libx.so", 21, frozenset({"run"}))


def build(folder: Path, target="android-arm64", source=SOURCE, drop=(), add=(), output="libx.so", note=True):
    """A library, linked as the plugin says but for ``drop`` and ``add``."""
    profile, toolchain = load(target), find("clang_android")
    (folder / "x.c").write_text(source)
    (folder / "note.S").write_bytes(NOTE.read_bytes() if note else b"")
    units = {"x.c": "x.o", "note.S": "note.o"}
    for unit, obj in units.items():
        subprocess.run(toolchain.compile(profile, unit, obj, Options()), cwd=folder, check=True)
    (folder / "libx.a").unlink(missing_ok=True)
    subprocess.run(toolchain.archive("libx.a", ["x.o"]), cwd=folder, check=True)
    argv = toolchain.link(profile, ["note.o", "x.o"], "libx.a", None, output, Options())
    argv = [word for word in argv if word not in drop]
    subprocess.run([*argv[:-2], *add, *argv[-2:]], cwd=folder, check=True)
    return (folder / output).read_bytes()


@pytest.mark.parametrize(
    ("target", "abi"),
    [("android-arm64", "arm64-v8a"), ("android-armv7", "armeabi-v7a"), ("android-x86_64", "x86_64")],
)
def test_nothing_to_complain_about(target, abi, tmp_path):
    content = build(tmp_path, target)
    assert complaints(content, dataclasses.replace(EXPECTED, abi=abi)) == ()
    others = {"arm64-v8a", "armeabi-v7a", "x86_64"} - {abi}
    for other in others:
        assert complaints(content, dataclasses.replace(EXPECTED, abi=other)) == (words("right_machine"),)


def words(*names: str) -> str:
    (found,) = [rule.__doc__.rstrip(".") for rule in RULES if rule.__name__ in names]
    return found


VARIABLE = 'int n; __attribute__((visibility("default"))) int run(int i); int run(int i) { return n += i; }'
TWO = SOURCE + '__attribute__((visibility("default"))) int more(void); int more(void) { return 0; }'
IMPORT = 'int puts(const char *); __attribute__((visibility("default"))) int run(int i);' + (
    "int run(int i) { return i + puts(0); }"
)

BROKEN = {
    "aligned": {"drop": ("-Wl,-z,max-page-size=16384",)},
    "protected": {"add": ("-Wl,-z,execstack",), "drop": ("-Wl,-z,noexecstack",)},
    "nothing_imported": {"source": IMPORT, "drop": ("-Wl,--no-undefined",)},
    "exports_are_the_natives": {"source": TWO},
    "named": {"output": "liby.so"},
    "hashed_both_ways": {"add": ("-Wl,--hash-style=gnu",)},
    "no_variables": {"source": VARIABLE},
    "built_for_the_api_level": {"note": False},
    "relro_is_mapped": {"add": ("-Wl,-z,common-page-size=16384",)},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_broken(rule, tmp_path):
    assert words(rule) in complaints(build(tmp_path, **BROKEN[rule]), EXPECTED)


def test_text_relocations(tmp_path):
    pointer = 'extern int at; __asm__(".text\\n.hidden at\\n.globl at\\nat: .quad at\\n");'
    source = pointer + SOURCE.replace("i & 1]", "i & at]")
    content = build(tmp_path, source=source, drop=("-Wl,-z,text",), add=("-Wl,-z,notext",))
    assert words("no_text_relocations") in complaints(content, EXPECTED)


@pytest.mark.parametrize("cut", [0, 3, 64, 700, -1])
def test_a_damaged_file_is_a_complaint(cut, tmp_path):
    (found,) = complaints(build(tmp_path)[:cut], EXPECTED)
    assert found.startswith("is not a whole ELF library: ")


def test_sizes(tmp_path):
    build(tmp_path)
    assert loaded_bytes((tmp_path / "x.o").read_bytes()) > 16
