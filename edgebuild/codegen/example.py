"""A program that checks the library on test vectors: example, self-test and the body of the firmware."""

from __future__ import annotations

from edgebuild.artifacts import Interface, SourceFile, Vectors
from edgebuild.codegen.environment import render

MOST_VECTORS = 2
"""Enough to see that a board computes what the emulator did; more would only fill its flash."""


def example(interface: Interface, vectors: Vectors) -> tuple[SourceFile, ...]:
    """``example_main.c`` and ``<name>_test_vectors.h``."""
    assert vectors.expected is not None
    pairs = zip(vectors.inputs[:MOST_VECTORS], vectors.expected[:MOST_VECTORS], strict=True)
    context = {
        "prefix": interface.name,
        "interface": interface,
        "vectors": [(inputs.tolist(), outputs.tolist()) for inputs, outputs in pairs],
    }
    names = {
        "example_main.c": "packages/c_library/example_main.c.j2",
        f"{interface.name}_test_vectors.h": "packages/c_library/test_vectors.h.j2",
    }
    return tuple(SourceFile(name, render(template, **context).encode()) for name, template in names.items())
