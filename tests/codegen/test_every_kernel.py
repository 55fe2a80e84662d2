"""Every kernel of every operator as C: clean under all warnings and sanitizers, and equal to ``evaluate``."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from edgebuild import kernels, ops, oracles, resources
from edgebuild.ir.graph import Graph
from edgebuild.target import load
from tests.codegen import bench
from tests.ops.test_every_operator import inputs_of

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


def every_kernel(features: frozenset[str]) -> list[tuple[str, Graph, bench.Entry]]:
    """Each case with each kernel that is exact for it on a CPU with ``features``."""
    found = []
    for name, graph in CASES:
        (node,) = graph.nodes
        for kernel in kernels.candidates(node, graph, features, large=True):
            entry = bench.entry(graph, f"case_{len(found)}", inputs_of(graph), (kernel,))
            found.append((f"{name} ({kernel.template})", graph, entry))
    return found


@pytest.mark.parametrize("core", CORES)
def test_it_compiles_without_a_warning(core, tmp_path):
    profile = load.load(core)
    main = bench.write([entry for _, _, entry in every_kernel(profile.cpu.features)], tmp_path)
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


@pytest.mark.parametrize("core", CORES)
def test_kernels_of_a_core_equal_evaluate_on_the_core(core, tmp_path):
    profile = load.load(core)
    tried = every_kernel(profile.cpu.features)
    found = bench.run_on_core([entry for _, _, entry in tried], tmp_path, profile)
    numpy = oracles.find("numpy")
    wrong = [
        name
        for (name, graph, entry), outputs in zip(tried, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]
    assert wrong == []


@pytest.mark.parametrize("core", CORES)
def test_an_interrupt_at_any_moment_changes_nothing(core, tmp_path):
    """A timer interrupts every few hundred instructions and scribbles over all that it may."""
    profile = load.load(core)
    tried = every_kernel(profile.cpu.features)
    found = bench.run_on_core([entry for _, _, entry in tried], tmp_path, profile, ("-O2", "-DTICKS=149"))
    numpy = oracles.find("numpy")
    wrong = [
        name
        for (name, graph, entry), outputs in zip(tried, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", kernels.names())
def test_some_case_is_exact_for_it(name):
    variant = kernels.find(name)
    graphs = [case.graph for case in ops.find(variant.op).cases()]
    assert any(variant.exact(graph.nodes[0], graph) for graph in graphs)


@pytest.mark.parametrize(
    "template", sorted(resources.folder("templates").rglob("kernels/**/*.j2")), ids=lambda p: p.name
)
def test_assembly_takes_struct_fields_as_32_bits(template):
    """Fields of a layer's struct have 16 bits where that suffices, and a register's upper half is then undefined."""
    bare = re.findall(r'"[+=&]*[a-z]"\s*\(\s*\*?layer->\w+', template.read_text())
    pointers = {"weights", "stream", "bias", "table", "multiplier", "shift", "parameters"}
    assert [use for use in bare if use.rpartition(">")[2] not in pointers] == []


def test_assembly_that_takes_an_address_aligns_its_section():
    """ADR counts from a multiple of four; functions compiled for size would be put at any multiple of two."""
    takers = [t for t in resources.folder("templates").rglob("kernels/**/*.j2") if re.search(r"\badr\b", t.read_text())]
    assert len(takers) > 3
    assert [t.name for t in takers if ".balign 4" not in t.read_text()] == []
