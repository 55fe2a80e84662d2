"""Every kernel of every operator as C: clean under all warnings and sanitizers, and equal to ``evaluate``."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from tests.codegen import bench
from tests.ops.test_every_operator import inputs_of

from edgebuild import ops, oracles
from edgebuild.target import load

CASES = [
    (f"{name}: {case.name}", case.graph)
    for name in ops.names()
    if ops.find(name).kernels
    for case in ops.find(name).cases()
]
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


@pytest.fixture(scope="module")
def entries():
    return [bench.entry(graph, f"case_{i}", inputs_of(graph)) for i, (_, graph) in enumerate(CASES)]


@pytest.mark.parametrize(
    "flags",
    [("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), ("-O3",)],
    ids=["sanitizers", "O3"],
)
def test_portable_kernels_equal_evaluate(entries, flags, tmp_path):
    found = bench.run(entries, tmp_path, flags)
    numpy = oracles.find("numpy")
    wrong = [
        name
        for (name, graph), entry, outputs in zip(CASES, entries, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]
    assert wrong == []


@pytest.mark.parametrize("core", CORES)
def test_it_compiles_without_a_warning(core, tmp_path):
    profile = load.load(core)
    entries = [
        bench.entry(graph, f"case_{i}", inputs_of(graph), profile.cpu.features) for i, (_, graph) in enumerate(CASES)
    ]
    main = bench.write(entries, tmp_path)
    for level in ("-O2", "-Os"):
        subprocess.run(
            ["arm-none-eabi-gcc", *bench.WARNINGS, *profile.cpu.flags, level, "-c", main, "-o", tmp_path / "main.o"],
            check=True,
            timeout=300,
        )
    # no heap, and nothing writable: data and bss of the models are empty (main has none of its own)
    listing = subprocess.run(
        ["arm-none-eabi-nm", tmp_path / "main.o"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    kinds = {line.split()[-2] for line in listing.splitlines() if "case_" in line}
    assert kinds <= {"t", "T", "r", "R"}, kinds
    undefined = {line.split()[-1] for line in listing.splitlines() if " U " in line}
    own = {"fopen", "fread", "fwrite", "fclose", "free", "realloc", "aligned_alloc", "memcpy", "memset", "roundf"}
    assert {name for name in undefined if not name.startswith("__")} <= own
