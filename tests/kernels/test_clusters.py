"""Layers whose weights have few values: tables and indices of them, and when they are chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import kernels, oracles
from edgebuild.kernels._clusters import Clusters, folded
from edgebuild.target import load
from tests.codegen import bench
from tests.kernels import sparse_cases as cases
from tests.kernels.test_sparse import few
from tests.ops.test_every_operator import inputs_of


def values(count: int, each: bool = False, low: int = -127):
    """A change of weights to ``count`` values, of the layer or of each channel."""

    def change(random: np.random.Generator, data: np.ndarray) -> np.ndarray:
        rows = len(data) if each else 1
        tables = np.stack([random.permutation(np.arange(low, 128))[:count] for _ in range(rows)])
        chosen = random.integers(0, count, data.shape)
        return np.take_along_axis(tables, chosen.reshape(rows, -1), axis=1).reshape(data.shape)

    return change


EDGES = {
    "four values": cases.conv((4, 5), (1, 1), 64, 8, values(4)),
    "four values of each filter": cases.conv((4, 5), (1, 1), 64, 8, values(4, True)),
    "eight values, 3x3, padding": cases.conv((5, 6), (3, 3), 9, 6, values(8)),
    "sixteen values of each filter, stride 2": cases.conv((7, 6), (3, 3), 7, 6, values(16, True), stride=(2, 2)),
    "one pixel": cases.conv((1, 1), (1, 1), 64, 9, values(4)),
    "seven pixels": cases.conv((7, 1), (3, 1), 16, 7, values(4), activation="RELU6"),
    "weights of -128": cases.conv((3, 4), (1, 1), 48, 4, lambda random, data: data * 0 - 128, low=-128),
    "all zero": cases.conv((3, 4), (1, 1), 32, 4, lambda random, data: data * 0),
    "two roundings": cases.conv((4, 5), (1, 1), 40, 8, values(5), activation="NONE", zero_points=(5, 3)),
    "288 inputs": cases.conv((3, 9), (3, 3), 32, 5, values(8)),
    "45 inputs": cases.conv((5, 6), (3, 3), 5, 6, values(8), stride=(2, 1)),
    "27 inputs, a narrow image": cases.conv((6, 5), (3, 3), 3, 12, values(5), zero_points=(9, -128)),
    "three values, a row of pixels": cases.conv((1, 17), (1, 5), 24, 6, values(3)),
    "dense, four values": cases.dense(1, 64, 8, values(4)),
    "dense, four values of each unit, odd": cases.dense(3, 61, 13, values(4, True)),
    "dense, eight values, per channel": cases.dense(1, 130, 12, values(8), per_channel=True),
    "dense, eight values, whole words": cases.dense(2, 60, 5, values(8)),
    "dense, sixteen values": cases.dense(2, 100, 10, values(16, True, -128), activation="NONE", zero_points=(4, 9)),
    "dense, all zero": cases.dense(1, 64, 8, lambda random, data: data * 0),
    "dense, one weight": cases.dense(
        1, 64, 8, lambda random, data: np.where(np.arange(512).reshape(8, 64) == 99, 5, 0)
    ),
    "dense, one unit": cases.dense(2, 33, 1, values(3)),
}


def clusters(graph):
    """The kernel for few values, if it is exact."""
    (node,) = graph.nodes
    return next((k for k in kernels.candidates(node, graph, frozenset({"thumb"})) if "clusters" in k.template), None)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("level", ["-O2", pytest.param("-Os", marks=pytest.mark.slow)])
def test_edges(core, level, tmp_path):
    assert all(clusters(graph) for graph in EDGES.values())
    assert cases.wrong(list(EDGES.values()), tmp_path, core, (level,)) == []


def test_the_host_finds_no_fault_with_it(tmp_path):
    graphs = list(EDGES.values())
    entries = [bench.entry(g, f"case_{i}", inputs_of(g), (clusters(g),)) for i, g in enumerate(graphs)]
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    numpy = oracles.find("numpy")
    for graph, entry, outputs in zip(graphs, entries, bench.run(entries, tmp_path, flags), strict=True):
        np.testing.assert_array_equal(outputs, numpy.run(b"", graph, entry.inputs))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 18), st.integers(1, 70), st.integers(1, 6), st.booleans())
def test_indices_and_tables_give_the_weights_back(seed, count, depth, channels, each):
    random = np.random.default_rng(seed)
    rows = values(count, each, -128)(random, np.zeros((channels, depth), np.int8)).astype(np.int8)
    found = Clusters.of(rows)
    if max(len(np.unique(row)) for row in rows) > 16:
        assert found is None
        return
    assert found is not None
    stored, mask = found.arrays(), (1 << found.bits) - 1
    words = stored["indices"].view(np.uint32).reshape(channels, -1)
    shifts = found.bits * np.arange(found.per_word)
    indices = ((words[:, :, None] >> shifts) & mask).reshape(channels, -1)[:, :depth]
    tables = stored["table"].reshape(-1, 1 << found.bits)
    tables = np.repeat(tables, channels, axis=0) if len(tables) == 1 else tables
    np.testing.assert_array_equal(np.take_along_axis(tables, indices.astype(np.int64), axis=1), rows)
    assert found.bytes == stored["indices"].nbytes + stored["table"].nbytes


def test_the_smaller_of_both_kinds_of_tables_is_taken():
    random = np.random.default_rng(1)
    wide = np.zeros((8, 400), np.int8)
    assert len(Clusters.of(values(4)(random, wide).astype(np.int8)).tables) == 1
    assert Clusters.of(values(4, True)(random, wide).astype(np.int8)).tables.shape == (8, 4)
    few = np.array([[1, 2, 3, 4], [4, 5, 6, 7]], np.int8)
    assert Clusters.of(few).bits == 3 or len(Clusters.of(few).tables) == 2


def test_weights_of_more_values_or_too_few_of_them_stay_as_they_are():
    assert clusters(cases.conv((4, 5), (1, 1), 64, 8, values(17))) is None
    assert clusters(cases.dense(1, 3, 2, values(4, True))) is None


def test_sixteen_levels_are_left_to_their_own_kernels():
    assert clusters(cases.dense(1, 64, 32, few(3, 0.0, -8))) is None
    assert clusters(cases.conv((4, 5), (1, 1), 64, 32, few(3, 0.0, -8))) is None


def test_sums_that_might_leave_int32_are_left_to_others():
    rows = np.full((1, 100), 127, np.int8)
    most = 2**31 - 1 - 128 * 127 * 100
    assert folded(rows, np.array([most]), 0) is not None
    assert folded(rows, np.array([most + 1]), 0) is None
    assert folded(rows, np.array([-most]), 0) is not None
    assert folded(rows, np.array([0]), 127) is not None


def test_cores_with_dsp_look_weights_up_for_eight_pixels_where_windows_are_small():
    features = load.load("cortex-m4").cpu.features
    for depth, exact in ((288, True), (292, False)):
        graph = cases.conv((3, 9), (1, 1), depth, 8, values(8, True))
        assert kernels.find("conv_2d_clusters_dsp").exact(graph.nodes[0], graph) == exact
    for count, name in ((4, "conv_2d/clusters_dsp.c.j2"), (17, "conv_2d/dsp.c.j2")):
        graph = cases.conv((5, 25), (1, 1), 256, 128, values(count, True))
        (kernel,) = kernels.select(graph, features, "balanced")
        assert kernel.template == name


def test_cores_without_simd_look_weights_up_for_four_pixels():
    features = load.load("cortex-m0plus").cpu.features
    for count, bits in ((3, 2), (4, 2), (5, 4), (16, 4), (17, 0)):
        graph = cases.conv((5, 25), (1, 1), 128, 64, values(count, True))
        kernel = kernels.find("conv_2d_clusters_thumb")
        assert kernel.exact(graph.nodes[0], graph) == (bits > 0)
        if bits:
            assert kernel.context(graph.nodes[0], graph).shape["bits"] == bits
    graph = cases.conv((5, 25), (1, 1), 256, 128, values(4, True))
    (kernel,) = kernels.select(graph, features, "balanced")
    assert kernel.template == "conv_2d/clusters_thumb.c.j2"


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_size_takes_them_where_they_save_their_own_code(core):
    features = load.load(core).cpu.features
    for graph, taken in (
        (cases.dense(1, 256, 64, values(4)), True),
        (cases.conv((5, 5), (1, 1), 128, 64, values(8, True)), True),
        (cases.dense(1, 16, 8, values(4)), False),
    ):
        (kernel,) = kernels.select(graph, features, "size")
        assert ("clusters" in kernel.template) == taken
        (kernel,) = kernels.select(graph, features, "speed")
        assert "clusters" not in kernel.template
