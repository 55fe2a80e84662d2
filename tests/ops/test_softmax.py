"""SOFTMAX that computes its exponentials, over scales from where all classes are alike to where one is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebuild import ops, oracles
from edgebuild.ir.graph import Graph
from edgebuild.ops import _cases
from tests.codegen import bench

SCALES = st.floats(-9, 2).map(lambda power: float(np.float32(np.exp(power))))
LAYERS = st.lists(st.tuples(st.integers(1, 40), SCALES, st.sampled_from([1.0, 0.5, 2.0])), min_size=8, max_size=8)


def softmax(classes: int, scale: float, beta: float) -> Graph:
    source = _cases.activation("input", (16, classes), scale, -3)
    output = _cases.activation("output", (16, classes), 1 / 256, -128)
    return _cases.graph("softmax", (source,), output, {"beta": beta}, 2)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LAYERS, st.integers(0, 2**32 - 1))
def test_computed_exponentials_are_exact(tmp_path: Path, layers: list[tuple[int, float, float]], seed: int) -> None:
    random = np.random.default_rng(seed)
    graphs = [softmax(*layer) for layer in layers]
    _, computed = ops.find("softmax").kernels
    fed = [random.integers(0, 256, (2, 16 * classes)).astype(np.uint8) for classes, _, _ in layers]
    entries = [bench.entry(g, f"case_{i}", x, (computed,)) for i, (g, x) in enumerate(zip(graphs, fed, strict=True))]
    found = bench.run(entries, tmp_path, ("-O1",))
    for graph, inputs, outputs in zip(graphs, fed, found, strict=True):
        assert np.array_equal(outputs, oracles.find("numpy").run(b"", graph, inputs))
