"""Kernels that skip zeros and decode narrow weights, over generated layers and at the edge of each condition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import kernels
from edgebuild.kernels import _sparse_blocks
from edgebuild.kernels._int4 import Levels
from edgebuild.kernels._sparse_dsp_conv import REACH
from edgebuild.target import load
from tests.kernels import sparse_cases as cases

BATCH = 40
"""Layers in one program: compiling and starting the emulator takes longer than running them."""

batches = settings(
    max_examples=2,  # the first one is always the simplest: all layers alike and trivial
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("core", cases.CORES)
@batches
@given(graphs=st.lists(cases.convolutions(), min_size=BATCH, max_size=BATCH))
def test_convolutions(tmp_path_factory, core, graphs):
    assert cases.wrong(graphs, tmp_path_factory.mktemp("core"), core) == []


@pytest.mark.parametrize("core", cases.CORES)
@batches
@given(graphs=st.lists(cases.dense_layers(), min_size=BATCH, max_size=BATCH))
def test_dense_layers(tmp_path_factory, core, graphs):
    assert cases.wrong(graphs, tmp_path_factory.mktemp("core"), core) == []


def only(*places: tuple[int, ...]):
    """A change of weights that keeps only those at ``places``."""

    def change(random, data):
        kept = np.zeros_like(data)
        for place in places:
            kept[place] = data[place] or 1
        return kept

    return change


def blocks(rows: int, columns: int, share: float):
    """A change of weights that zeroes ``share`` of all blocks."""
    return lambda random, data: cases.pruned(random, data, (rows, columns), share)


def without_rows(*rows: int):
    """A change of weights that zeroes the whole filters ``rows``, and three of four blocks of the others."""

    def change(random, data):
        data = cases.pruned(random, data, (2, 4), 0.75)
        data[list(rows)] = 0
        return data

    return change


def few(step: int, share: float = 0.0, low: int = -7, block: tuple[int, int] = (2, 4)):
    """A change of weights to 16 levels, of which blocks are zeroed."""
    return lambda random, data: cases.pruned(random, cases.levels(random, data.shape, low, step), block, share)


def beside_minus_eight(even: int):
    """Levels with a -8 in an odd filter beside ``even`` in the one before it."""

    def change(random, data):
        data = cases.pruned(random, cases.levels(random, data.shape, -7, 1), (2, 4), 0.7)
        data[0, 0, 0, :4], data[1, 0, 0, :4] = even, -8
        return data

    return change


EDGES = {
    "all zero": cases.conv((3, 4), (1, 1), 32, 8, lambda random, data: data * 0),
    "all-zero rows": cases.conv((3, 4), (1, 1), 64, 9, without_rows(0, 1, 4, 8)),
    "the first weight": cases.conv((3, 4), (1, 1), 64, 4, only((0, 0, 0, 0))),
    "the last weight": cases.conv((3, 4), (1, 1), 64, 4, only((3, 0, 0, 63))),
    "a single weight of 3x3": cases.conv((5, 4), (3, 3), 16, 6, only((2, 1, 1, 7))),
    "a last block cut by padding": cases.conv((4, 4), (1, 1), 27, 6, blocks(2, 4, 0.7)),
    "odd depth, 3x3, stride 2": cases.conv((7, 6), (3, 3), 5, 6, blocks(2, 4, 0.7), stride=(2, 2)),
    "whole vectors, 3x3": cases.conv((6, 7), (3, 3), 32, 6, blocks(2, 4, 0.7)),
    "whole vectors, stride 2": cases.conv((7, 9), (3, 2), 16, 6, blocks(2, 4, 0.7), stride=(2, 2)),
    "odd filters": cases.conv((4, 5), (1, 1), 48, 7, blocks(2, 4, 0.7)),
    "two roundings": cases.conv((4, 5), (1, 1), 48, 8, blocks(2, 4, 0.7), activation="NONE", zero_points=(5, 3)),
    "a narrow clamp": cases.conv((4, 5), (1, 1), 48, 8, blocks(2, 4, 0.7), activation="RELU6", zero_points=(5, -100)),
    "weights of -128": cases.conv(
        (4, 5), (1, 1), 32, 8, lambda r, d: cases.pruned(r, np.minimum(d, 0), (2, 4), 0.6), low=-128
    ),
    "longer than a skip": cases.conv((2, 3), (1, 1), 2048, 4, only((0, 0, 0, 3), (1, 0, 0, 2047), (2, 0, 0, 1024))),
    "unstructured": cases.conv((3, 5), (3, 3), 16, 8, blocks(1, 1, 0.75)),
    "a column one pixel wide": cases.conv((13, 1), (5, 1), 16, 8, blocks(2, 4, 0.75)),
    "one pixel": cases.conv((1, 1), (1, 1), 64, 8, blocks(2, 4, 0.75)),
    "two pixels": cases.conv((1, 2), (1, 1), 64, 8, blocks(2, 4, 0.75)),
    "five pixels": cases.conv((5, 1), (1, 1), 64, 8, blocks(2, 4, 0.75)),
    "levels": cases.conv((4, 5), (1, 1), 48, 8, few(1)),
    "levels, -8, a step of 16": cases.conv((4, 5), (1, 1), 48, 8, few(16, 0.0, -8)),
    "levels, all -8": cases.conv((5, 5), (1, 1), 200, 3, lambda random, data: data * 0 - 8),
    "levels, all 7": cases.conv((3, 3), (3, 3), 9, 3, lambda random, data: data * 0 + 7),
    "levels, an odd number of blocks": cases.conv((5, 5), (1, 1), 36, 7, few(3)),
    "levels, a depth that is no whole words": cases.conv((5, 5), (3, 3), 5, 6, few(3), stride=(2, 2)),
    "levels, two roundings": cases.conv((4, 5), (3, 3), 8, 8, few(5), activation="NONE", zero_points=(5, 3)),
    "levels and blocks": cases.conv((4, 5), (1, 1), 64, 8, few(1, 0.75)),
    "levels and blocks, 3x3": cases.conv((5, 5), (3, 3), 8, 6, few(9, 0.75)),
    "levels and blocks, two roundings": cases.conv(
        (4, 5), (1, 1), 64, 8, few(2, 0.75), activation="NONE", zero_points=(5, 3)
    ),
    "levels and blocks, -8 beside 3": cases.conv((4, 5), (1, 1), 64, 8, beside_minus_eight(3)),
    "levels and blocks, all zero": cases.conv((4, 5), (1, 1), 64, 9, few(1, 1.0)),
    "single weights": cases.conv((3, 9), (1, 1), 64, 7, blocks(1, 1, 0.8)),
    "single weights, two roundings": cases.conv(
        (3, 9), (3, 3), 8, 7, blocks(1, 1, 0.8), activation="NONE", zero_points=(5, 3)
    ),
    "single weights, stride 2": cases.conv((9, 17), (3, 3), 5, 6, blocks(1, 1, 0.8), stride=(2, 2)),
    "single weights, a narrow image": cases.conv((7, 5), (1, 1), 64, 7, blocks(1, 1, 0.8)),
    "single weights, seven pixels": cases.conv((7, 1), (3, 1), 16, 7, blocks(1, 1, 0.8), activation="RELU6"),
    "single weights, the last ones": cases.conv(
        (2, 9), (1, 1), 280, 4, only((0, 0, 0, 279), (1, 0, 0, 140), (3, 0, 0, 0))
    ),
    "single weights of -128": cases.conv(
        (2, 9), (1, 1), 64, 6, lambda r, d: cases.pruned(r, np.minimum(d, 0), (1, 1), 0.8), low=-128
    ),
    "dense, all zero": cases.dense(1, 64, 8, lambda random, data: data * 0),
    "dense, all-zero units": cases.dense(2, 64, 9, without_rows(0, 1, 2, 3, 8)),
    "dense, the first weight": cases.dense(1, 64, 10, only((0, 0))),
    "dense, the last weight": cases.dense(1, 64, 11, only((10, 63))),
    "dense, odd features": cases.dense(3, 61, 13, blocks(4, 4, 0.6)),
    "dense, per channel": cases.dense(1, 64, 12, blocks(4, 4, 0.6), per_channel=True),
    "dense, two roundings": cases.dense(1, 64, 12, blocks(4, 4, 0.6), activation="NONE", zero_points=(4, 9)),
    "dense, a narrow clamp": cases.dense(1, 64, 12, blocks(2, 4, 0.6), activation="RELU6", zero_points=(4, -90)),
    "dense, 1020 features": cases.dense(1, 1020, 6, blocks(4, 4, 0.8)),
    "dense, 1024 features": cases.dense(1, 1024, 6, blocks(4, 4, 0.8)),
    "dense, 1500 features, a long way": cases.dense(1, 1500, 6, only((0, 5), (1, 1499), (5, 1020))),
    "dense, unstructured": cases.dense(1, 200, 8, blocks(1, 1, 0.8)),
    "dense, weights of -128": cases.dense(
        1, 64, 8, lambda r, d: cases.pruned(r, np.minimum(d, 0), (4, 4), 0.6), low=-128
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("core", cases.CORES)
def test_edges(core, tmp_path):
    assert cases.wrong([g for g in EDGES.values() if cases.sparse_kernels(g, core)], tmp_path, core) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("core", "level"),
    [
        ("cortex-m0plus", "-Os"),
        ("cortex-m7", "-O3"),
        ("cortex-m4", "-O0"),
        ("cortex-m55", "-O3"),
    ],
)
def test_other_cores_and_levels(core, level, tmp_path):
    assert cases.wrong([g for g in EDGES.values() if cases.sparse_kernels(g, core)], tmp_path, core, (level,)) == []


@pytest.mark.slow
def test_what_is_interrupted_is_right(tmp_path):
    graphs = [g for g in EDGES.values() if cases.sparse_kernels(g, "cortex-m4")][::3] * 3
    assert cases.wrong(graphs, tmp_path, "cortex-m4", ("-O2", "-DTICKS=3000")) == []


# ---- streams, and which kernel is chosen ----------------------------------------------------------


def test_a_gap_longer_than_a_skip_gets_a_block_of_zeros():
    row = np.zeros(2 * REACH + 10, bool)
    row[[0, REACH + 1, 2 * REACH + 4]] = True
    found = _sparse_blocks.stored(row, REACH)
    assert found.tolist() == [0, REACH + 1, 2 * REACH + 2, 2 * REACH + 4]
    assert _sparse_blocks.skips(found, 3).tolist() == [0, 3 * REACH, 3 * REACH, 3 | _sparse_blocks.LAST]


def test_a_row_without_weights_stores_one_block():
    assert _sparse_blocks.stored(np.zeros(9, bool), REACH).tolist() == [0]


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.sampled_from([5, 42, 127]))
def test_skips_lead_to_every_kept_block(row, reach):
    found = _sparse_blocks.stored(np.array(row), reach)
    assert set(np.flatnonzero(row)) <= set(found.tolist())
    at, places = 0, []
    for skip in (_sparse_blocks.skips(found, 1) & 0x7F).tolist():
        at += skip
        places.append(at)
        at += 1
    assert places == found.tolist()


def templates(graph, core: str = "cortex-m4") -> set[str]:
    return {kernel.name for kernel in cases.sparse_kernels(graph, core)}


def test_a_minus_8_needs_a_value_beside_it_that_is_not_negative():
    sparse, dense = (kernels.find(name) for name in ("conv_2d_sparse_int4_dsp", "conv_2d_int4_dsp"))
    for even in (3, 0, -1):
        graph = cases.conv((4, 5), (1, 1), 64, 8, beside_minus_eight(even))
        assert sparse.exact(graph.nodes[0], graph) == (even >= 0)
        assert dense.exact(graph.nodes[0], graph)


def test_sixteen_levels_are_found_whatever_the_step():
    values = np.array([[-8, 7, 3], [0, 0, 0], [2, -6, 4]])
    found = Levels.of(values * np.array([[16], [1], [9]]))
    assert found.step.tolist() == [16, 1, 18]
    assert found.values.tolist() == [[-8, 7, 3], [0, 0, 0], [1, -3, 2]]
    assert found.narrow
    assert not Levels.of(np.array([[8, 1]])).narrow


def test_single_weights_are_for_windows_of_288_inputs():
    for inputs, exact in ((288, True), (292, False)):
        graph = cases.conv((2, 9), (1, 1), inputs, 4, blocks(1, 1, 0.9))
        assert ("sparse_single_dsp" in templates(graph)) == exact


def chosen(graph, core: str) -> kernels.Kernel:
    return kernels.choose(graph.nodes[0], graph, load.load(core).cpu.features)


@pytest.mark.parametrize("core", cases.CORES)
def test_dense_weights_keep_the_dense_kernel(core):
    for graph in (cases.conv((5, 5), (1, 1), 64, 32), cases.conv((5, 5), (3, 3), 16, 16), cases.dense(1, 128, 64)):
        assert "sparse" not in chosen(graph, core).template


def test_a_stream_is_never_larger_than_dense_weights():
    graph = cases.conv((2, 3), (1, 1), 64, 2, blocks(2, 4, 0.0))
    assert cases.sparse_kernels(graph, "cortex-m4") == []
