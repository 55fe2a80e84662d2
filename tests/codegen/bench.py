"""One C program that runs many generated models, each on an arena of exactly its size."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebuild import planner
from edgebuild.artifacts import Sources
from edgebuild.codegen.project import generate
from edgebuild.ir.graph import Graph

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")


@dataclass(frozen=True, eq=False)
class Entry:
    """A generated model and the inputs it is fed: ``(count, bytes)`` uint8."""

    sources: Sources
    inputs: np.ndarray


def entry(graph: Graph, name: str, inputs: np.ndarray, features: frozenset[str] = frozenset()) -> Entry:
    """``graph`` generated under ``name``."""
    graph = replace(graph, name=name)
    return Entry(generate(graph, planner.plan(graph, features), features), inputs)


def write(entries: Sequence[Entry], folder: Path) -> Path:
    """One translation unit that includes every model, and a main; its path."""
    lines = ["#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>"]
    for one in entries:
        for file in one.sources.files:
            (folder / file.path).write_bytes(file.content)
        lines += [f'#include "{unit}"' for unit in one.sources.units]
    lines += ["struct port { size_t offset, bytes; };"]
    rows = []
    for one in entries:
        face = one.sources.interface
        for kind in ("inputs", "outputs"):
            ports = ", ".join(f"{{{p.offset}, {p.bytes}}}" for p in getattr(face, kind))
            lines.append(f"static const struct port {face.name}_{kind}[] = {{{ports}}};")
        rows.append(
            f"{{{face.name}_invoke, {face.arena_bytes}, {len(face.inputs)}, {face.name}_inputs, "
            f"{len(face.outputs)}, {face.name}_outputs, {len(one.inputs)}}}"
        )
    lines += [
        "static const struct { void (*invoke)(void *); size_t arena; int ins; const struct port *in; int outs;",
        "                      const struct port *out; int vectors; } models[] = {",
        *(f"    {row}," for row in rows),
        "};",
        "int main(int argc, char **argv)",
        "{",
        '    FILE *source = fopen(argv[1], "rb"), *result = fopen(argv[2], "wb");',
        "    for (size_t m = 0; argc > 2 && m < sizeof models / sizeof models[0]; m++) {",
        "        for (int v = 0; v < models[m].vectors; v++) {",
        "            unsigned char *arena = aligned_alloc(16, (models[m].arena + 15) / 16 * 16);",
        "            arena = realloc(arena, models[m].arena);",
        "            memset(arena, 0xa5, models[m].arena);",
        "            for (int i = 0; i < models[m].ins; i++)",
        "                if (fread(arena + models[m].in[i].offset, 1, models[m].in[i].bytes, source) !=",
        "                    models[m].in[i].bytes) return 2;",
        "            models[m].invoke(arena);",
        "            for (int i = 0; i < models[m].outs; i++)",
        "                fwrite(arena + models[m].out[i].offset, 1, models[m].out[i].bytes, result);",
        "            free(arena);",
        "        }",
        "    }",
        "    return fclose(result);",
        "}",
    ]
    main = folder / "main.c"
    main.write_text("\n".join(lines) + "\n")
    return main


def run(entries: Sequence[Entry], folder: Path, flags: Sequence[str], compiler: str = "gcc") -> list[np.ndarray]:
    """Outputs of every entry, ``(count, bytes)`` uint8, from a program compiled with ``flags``."""
    main = write(entries, folder)
    subprocess.run([compiler, *WARNINGS, *flags, "-o", folder / "main", main, "-lm"], check=True, timeout=600)
    (folder / "in.bin").write_bytes(b"".join(e.inputs.tobytes() for e in entries))
    environment = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    subprocess.run(
        [folder / "main", folder / "in.bin", folder / "out.bin"], check=True, timeout=600, env=environment
    )
    content, at, results = (folder / "out.bin").read_bytes(), 0, []
    for one in entries:
        bytes_ = sum(p.bytes for p in one.sources.interface.outputs)
        length = len(one.inputs) * bytes_
        results.append(np.frombuffer(content[at : at + length], np.uint8).reshape(len(one.inputs), bytes_))
        at += length
    assert at == len(content), struct.unpack("<I", content[:4])
    return results
