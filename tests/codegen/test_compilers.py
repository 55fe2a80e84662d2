"""A whole model compiled at other levels, and by another compiler, gives the same bytes on the emulated core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebuild import frontends, kernels, oracles
from edgebuild.ir.graph import Graph
from edgebuild.target import load
from tests import zoo
from tests.codegen import bench

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture(scope="module")
def graph() -> Graph:
    name = "keyword_spotting"
    content = zoo.tflite(name).read_bytes()
    found = frontends.find("tflite").read(content, "model", name)
    inputs, outputs = frontends.trimmed(found, int8=True, softmax=True)
    return frontends.find("tflite").read(frontends.move(content, inputs, outputs, name), "model", name)


@pytest.fixture(scope="module")
def vectors(graph: Graph) -> np.ndarray:
    elements = graph.tensors[graph.inputs[0]].elements
    return np.random.default_rng(1).integers(0, 256, (1, elements)).astype(np.uint8)


@pytest.mark.parametrize("flags", [("-Os",), ("-O3",), ("-O2", "-fno-strict-aliasing"), bench.CLANG], ids=" ".join)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_the_same_bytes(core: str, flags: tuple[str, ...], graph: Graph, vectors: np.ndarray, tmp_path: Path) -> None:
    profile = load.load(core)
    selection = kernels.select(graph, profile.cpu.features, "speed")
    entry = bench.entry(graph, "model", vectors, selection)
    (found,) = bench.run_on_core([entry], tmp_path, profile, flags)
    np.testing.assert_array_equal(found, oracles.find("numpy").run(b"", graph, vectors))
