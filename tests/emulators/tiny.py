"""A model library written by hand, in the shape that the code generator gives: three steps, eight bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebuild import toolchains
from edgebuild.artifacts import Image, Interface, Port, SourceFile, Sources, Step, Vectors
from edgebuild.codegen.harness import harness
from edgebuild.target.profile import Profile

HEADER = """\
#ifndef TINY_H
#define TINY_H
#define TINY_ARENA_BYTES {arena}u
#define TINY_ARENA_ALIGNMENT 16u
void tiny_invoke(void *arena);
#endif
"""

STEPS_HEADER = """\
#include <stdint.h>
extern const int8_t tiny_weights[40];
void tiny_add(int8_t *arena);
void tiny_divide(int8_t *arena);
void tiny_copy(int8_t *arena);
"""

WEIGHTS = """\
#include "tiny_steps.h"
const int8_t tiny_weights[40] = {1, 2, 3, 4, 5, 6, 7, 8};
"""

INVOKE = """\
#include "tiny.h"
#include "tiny_steps.h"
void tiny_invoke(void *arena)
{
    tiny_add(arena);
    tiny_divide(arena);
    tiny_copy(arena);
}
"""

ADD = """\
#include "tiny_steps.h"
void tiny_add(int8_t *arena)
{
    for (int i = 0; i < 8; i++) {
        arena[i] = (int8_t)(arena[i] + tiny_weights[i]);
    }
}
"""

DIVIDE = """\
#include "tiny_steps.h"
void tiny_divide(int8_t *arena)
{
    for (int i = 0; i < 8; i++) {
        const int64_t wide = (int64_t)arena[i] * 10000000000;
        arena[i] = (int8_t)(wide / (3000000000 + i));
    }
}
"""

COPY = """\
#include <string.h>
#include "tiny_steps.h"
void tiny_copy(int8_t *arena)
{
    memcpy(arena + 16, arena, (size_t)tiny_weights[7]);
}
"""


def sources(arena_bytes: int = 24, **replaced: str) -> Sources:
    """The library; ``replaced`` gives other text to a file by its stem (``add=...``)."""
    texts = {"weights": WEIGHTS, "invoke": INVOKE, "add": ADD, "divide": DIVIDE, "copy": COPY} | replaced
    files = [SourceFile("tiny.h", HEADER.format(arena=arena_bytes).encode())]
    files.append(SourceFile("src/tiny_steps.h", STEPS_HEADER.encode()))
    files += [SourceFile(f"src/tiny_{stem}.c", text.encode()) for stem, text in texts.items()]
    port = Port("input", "int8", (1, 8), 8, 0, 0.5, -3)
    return Sources(
        interface=Interface("tiny", arena_bytes, 16, (port,), (replace(port, name="output", offset=16),)),
        files=tuple(files),
        units=tuple(f"src/tiny_{stem}.c" for stem in texts),
        weights_unit="src/tiny_weights.c",
        steps=tuple(Step(i, name.upper(), name, f"tiny_{name}") for i, name in enumerate(("add", "divide", "copy"))),
    )


def build(profile: Profile, folder: Path, made: Sources | None = None, *, sanitize: bool = False) -> Image:
    """Library and image, built as the pipeline does it."""
    made = made or sources()
    library = toolchains.build_library(profile, made, folder, sanitize=sanitize)
    return toolchains.link(profile, made, library, harness(made.interface, profile), folder, sanitize=sanitize)


def vectors(count: int = 3) -> Vectors:
    """Inputs, and what the library must answer."""
    inputs = (np.arange(count * 8, dtype=np.uint32) * 37 + 5).astype(np.uint8).reshape(count, 8)
    signed = inputs.view(np.int8).astype(np.int64)
    added = (signed + np.arange(1, 9)).astype(np.int8).astype(np.int64)
    exact = added * 10_000_000_000
    divisor = 3_000_000_000 + np.arange(8)
    quotient = np.sign(exact) * (np.abs(exact) // divisor)
    return Vectors(inputs, quotient.astype(np.int8).view(np.uint8), "numpy")
