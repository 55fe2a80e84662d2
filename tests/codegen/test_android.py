"""Names that Java finds, and the few functions of libc that an Android library brings itself."""

from __future__ import annotations

import ctypes
import math
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild import resources
from edgebuild.artifacts import Interface, Port
from edgebuild.codegen import android

NATIVE = resources.folder("templates") / "packages/android_aar/native"
INT32 = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize(
    ("name", "package", "symbol"),
    [
        ("net", "edgebuild.net", "Java_edgebuild_net_Model_run"),
        ("key_word", "edgebuild.key_word", "Java_edgebuild_key_1word_Model_run"),
        ("native", "edgebuild.native_", "Java_edgebuild_native_1_Model_run"),
        ("_", "edgebuild.__", "Java_edgebuild__1_1_Model_run"),
    ],
)
def test_names(name, package, symbol):
    binding = android.Binding.of(name)
    assert (binding.package, binding.symbol) == (package, symbol)
    assert binding.file == f"libedgebuild_{name}.so"


def test_strings_of_the_model_are_safe_in_java():
    port = Port('x"; // ümlaut\n', "int8", (1, 2), 2, 0, 0.5, -3)
    model = Interface("net", 16, 16, (port,), (port,))
    (source, _) = android.classes(model, ('"', "\\u000a", "ä"), None)
    text = source.content.decode("ascii")
    assert r'new Tensor("x\"; // \u00fcmlaut\n", "int8", new int[] {1, 2}, 2, 0, 0.5f, -3, -128, 127)' in text
    assert [line.strip() for line in text.splitlines() if line.endswith('",')][-3:] == [
        r'"\"",', r'"\\u000a",', r'"\u00e4",',
    ]  # fmt: skip


def test_several_inputs_lie_one_after_another():
    ports = tuple(Port(f"p{n}", "float32", (n,), 4 * n, 64 * n, 1.0, 0) for n in (2, 3))
    files = android.glue(Interface("net", 256, 16, ports, ports))
    text = files[0].content.decode()
    assert "memcpy(memory + 128, source + 0, 8);" in text
    assert "memcpy(memory + 192, source + 8, 12);" in text
    assert "memcpy(destination + 8, memory + 192, 12);" in text


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """``runtime.c`` and ``math.h`` as this machine compiles them, the Arm part included."""
    folder = tmp_path_factory.mktemp("runtime")
    names = [f"-D{name}=own_{name}" for name in ("memcpy", "memmove", "memset")]
    (folder / "round.c").write_text(
        f'#include "{NATIVE}/math.h"\nfloat own_roundf(float x);\nfloat own_roundf(float x) {{ return roundf(x); }}\n'
    )
    flags = ["-O2", "-ffreestanding", "-D__arm__", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    sources = [NATIVE / "runtime.c", folder / "round.c"]
    subprocess.run(["cc", *flags, *names, *sources, "-o", folder / "runtime.so"], check=True)
    library = ctypes.CDLL(folder / "runtime.so")
    for name in ("__aeabi_idivmod", "__aeabi_uidivmod"):
        getattr(library, name).restype = ctypes.c_uint64
    library.own_roundf.restype, library.own_roundf.argtypes = ctypes.c_float, [ctypes.c_float]
    return library


@given(numerator=INT32, denominator=INT32.filter(bool))
def test_division(runtime, numerator, denominator):
    quotient = abs(numerator) // abs(denominator) * (1 if (numerator < 0) == (denominator < 0) else -1)
    both = runtime.__aeabi_idivmod(numerator, denominator)
    assert ctypes.c_int32(both & 0xFFFFFFFF).value == ctypes.c_int32(quotient).value
    assert ctypes.c_int32(both >> 32).value == ctypes.c_int32(numerator - quotient * denominator).value
    assert runtime.__aeabi_idiv(numerator, denominator) == ctypes.c_int32(quotient).value
    large, small = numerator & 0xFFFFFFFF, denominator & 0xFFFFFFFF
    both = runtime.__aeabi_uidivmod(ctypes.c_uint32(large), ctypes.c_uint32(small))
    assert (both & 0xFFFFFFFF, both >> 32) == divmod(large, small)


def test_division_by_zero_does_not_trap(runtime):
    assert runtime.__aeabi_idiv(7, 0) == 0


PLACE = st.integers(0, 79)


@given(data=st.binary(min_size=1, max_size=80), start=PLACE, to=PLACE, count=st.integers(0, 80))
def test_memory(runtime, data, start, to, count):
    start, to = min(start, len(data) - 1), min(to, len(data) - 1)
    count = min(count, len(data) - max(start, to))
    buffer = ctypes.create_string_buffer(data, len(data))
    address = ctypes.addressof(buffer)
    runtime.own_memmove(ctypes.c_void_p(address + to), ctypes.c_void_p(address + start), ctypes.c_size_t(count))
    expected = bytearray(data)
    expected[to : to + count] = data[start : start + count]
    assert buffer.raw == expected
    runtime.own_memset(ctypes.c_void_p(address + to), 0x1A5, ctypes.c_size_t(count))
    expected[to : to + count] = b"\xa5" * count
    assert buffer.raw == expected


@given(st.floats(width=32) | st.integers(-(2**25), 2**25).map(lambda n: n / 2))
def test_round(runtime, x):
    x = ctypes.c_float(x).value
    got = runtime.own_roundf(x)
    if math.isnan(x) or math.isinf(x):
        assert math.isnan(got) if math.isnan(x) else got == x
        return
    expected = math.copysign(math.floor(abs(x) + 0.5), x) if abs(x) < 2**23 else x
    assert (got, math.copysign(1, got)) == (expected, math.copysign(1, x))


def test_every_template_is_used():
    names = {path.name for path in Path(NATIVE).iterdir()}
    assert names == {"android_note.S", "jni.c.j2", "jni_table.h", "math.h", "runtime.c", "string.h"}
