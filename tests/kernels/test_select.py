"""Which kernels are taken, and what a RAM budget changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import config, kernels, ops
from edgebuild.pipeline import line
from edgebuild.target import load
from tests import zoo
from tests.write_tflite import write

CASE = next(ops.find("conv_2d").cases()).graph


def test_lean_has_the_least_scratch() -> None:
    features = load.load("cortex-m4").cpu.features
    graphs = [case.graph for op in ops.names() for case in ops.find(op).cases()]
    for graph in graphs:
        if not all(kernels.candidates(node, graph, features) for node in graph.nodes):
            continue  # a case that is refused
        for node, kernel in zip(graph.nodes, kernels.lean(graph, features), strict=True):
            if kernel is not None:
                found = [k.scratch(node, graph) for k in kernels.candidates(node, graph, features)]
                assert kernel.scratch(node, graph) == min(found)


@pytest.mark.parametrize("optimize", ["speed", "balanced"])
def test_a_ram_budget_gives_up_scratch_memory(optimize: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that misses its RAM budget by the scratch memory of fast kernels is planned again without."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "net.tflite"
    path.write_bytes(write(CASE))
    given: dict[str, object] = {"model.path": str(path), "targets": ["cortex-m4"], "optimize": optimize}
    arenas = []
    for budget in (10_000, 300):
        report = line.check(config.load(None, {**given, "budget.ram": budget}), "cortex-m4")
        assert report.ram is not None
        arenas.append(report.ram["arena"])
    assert arenas[1] <= 300 < arenas[0]


def test_speed_leaves_out_kernels_that_save_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their code would cost flash for less than a thousandth of the instructions."""
    features = load.load("cortex-m4").cpu.features
    (quick,) = kernels.select(CASE, features, "speed")
    (plain,) = kernels.select(CASE, frozenset(), "speed")
    assert quick != plain
    monkeypatch.setitem(kernels.WORTH, "speed", 1e9)
    assert kernels.select(CASE, features, "speed") == (plain,)


def test_size_takes_a_fast_kernel_where_it_is_worth_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as many instructions are worth a kilobyte and three quarters; nothing, and the portable kernel stays."""
    features = load.load("cortex-m4").cpu.features
    (chosen,) = kernels.select(CASE, features, "size")
    (plain,) = kernels.select(CASE, frozenset(), "speed")
    assert chosen is not None and plain is not None
    assert chosen.instructions(CASE.nodes[0], CASE) < plain.instructions(CASE.nodes[0], CASE) / 2
    monkeypatch.setitem(kernels.HALVING, "thumb2", 0.0)
    (smallest,) = kernels.select(CASE, features, "size")
    assert smallest == plain


def test_size_does_not_stream_unless_ram_demands_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are code; a budget for RAM is a reason for it."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    given: dict[str, object] = {"model.path": str(zoo.tflite("image_classification")), "targets": ["cortex-m4"]}
    arenas = []
    for more in ({"optimize": "balanced"}, {"optimize": "size"}, {"optimize": "size", "budget.ram": 20_000}):
        report = line.check(config.load(None, {**given, **more}), "cortex-m4")
        assert report.ram is not None
        arenas.append(report.ram["arena"])
    assert arenas[0] < 20_000 < arenas[1]
    assert arenas[2] < 20_000
