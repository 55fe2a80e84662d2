"""The host runs the same protocol, and its sanitizers see what a device would not."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild import emulators
from edgebuild.errors import MismatchError
from edgebuild.target.load import load
from tests.emulators import tiny
from tests.emulators.test_failures import add

HOST = load("host")


@pytest.mark.parametrize("sanitize", [False, True])
def test_bytes(tmp_path, sanitize):
    image = tiny.build(HOST, tmp_path, sanitize=sanitize)
    vectors = tiny.vectors(50)
    run = emulators.run(HOST, image, vectors, tmp_path / "run", 20)
    assert np.array_equal(run.outputs, vectors.expected)
    assert run.instructions is None
    assert run.stack_bytes is None
    assert run.warnings == ()


def fails(folder, body, sanitize):
    image = tiny.build(HOST, folder, tiny.sources(add=add(body)), sanitize=sanitize)
    with pytest.raises(MismatchError) as caught:
        emulators.run(HOST, image, tiny.vectors(1), folder / "run", 20)
    return caught.value


@pytest.mark.parametrize(("index", "side"), [(24, "above"), (-1, "below")])
def test_guards_without_sanitizer(tmp_path, index, side):
    error = fails(tmp_path, f"arena[{index}] = 1;", sanitize=False)
    assert error.rule == f"the model wrote outside its arena in vector 1, {side} it"


@pytest.mark.parametrize("index", [24, -1])
def test_reading_outside_the_arena(tmp_path, index):
    error = fails(tmp_path, f"arena[0] = arena[{index}];", sanitize=True)
    assert error.rule.startswith("the model ended the program with status ")
    assert "AddressSanitizer" in error.details[0] or "AddressSanitizer" in error.details[1]
    assert any("tiny_add" in line for line in error.details)


def test_undefined_behaviour(tmp_path):
    error = fails(tmp_path, "int x = 2147483647; x += arena[0] * 0 + 1; arena[0] = (int8_t)(x & 1);", sanitize=True)
    assert any("signed integer overflow" in line for line in error.details)


def test_a_crash(tmp_path):
    error = fails(tmp_path, "*(volatile int *)(uintptr_t)(arena[1] & 0) = 1;", sanitize=False)
    assert str(error).splitlines()[0] == "host on this machine: the model ended the program by signal SIGSEGV"
