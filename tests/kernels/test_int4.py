"""Layers of 16 levels, at the edge of each condition of the kernels that store four bits a weight."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild import kernels
from edgebuild.kernels import _sparse_blocks
from edgebuild.kernels._int4_dsp_dense import REACH, Int4Dense
from edgebuild.kernels._int4_dsp_narrow import NarrowBlocks
from edgebuild.kernels._int4_mve import Values
from edgebuild.kernels._sparse_dsp_conv import REACH as REACH_OF_TWO
from tests.codegen import bench
from tests.kernels import sparse_cases as cases
from tests.kernels.test_sparse import few, only

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55")


def steps(random: np.random.Generator, data: np.ndarray) -> np.ndarray:
    """16 levels, with a step of its own for each channel."""
    step = random.integers(1, 16, (len(data),) + (1,) * (data.ndim - 1))
    return random.integers(-8, 8, data.shape) * step


def empty_rows(random: np.random.Generator, data: np.ndarray) -> np.ndarray:
    """16 levels, in a few channels only."""
    data = cases.levels(random, data.shape, -8, 2)
    data[[0, 1, 2, 3, 6]] = 0
    return data


def always(value: int):
    """A change of weights to one value."""
    return lambda random, data: data * 0 + value


EDGES = {
    "whole words": cases.dense(1, 64, 8, few(1)),
    "a step of 16": cases.dense(1, 64, 8, few(16, 0.0, -8)),
    "odd features and units": cases.dense(1, 61, 13, few(3)),
    "rows": cases.dense(3, 20, 7, few(3)),
    "odd rows": cases.dense(3, 9, 2, few(3)),
    "one unit": cases.dense(2, 33, 1, few(2)),
    "one input": cases.dense(2, 1, 5, few(2)),
    "two roundings": cases.dense(1, 64, 12, few(3), activation="NONE", zero_points=(4, 9)),
    "a narrow clamp": cases.dense(1, 64, 12, few(3), activation="RELU6", zero_points=(4, -90)),
    "per channel": cases.dense(1, 128, 12, steps, per_channel=True),
    "steps": cases.dense(1, 128, 12, steps),
    "all-zero rows": cases.dense(1, 64, 11, empty_rows),
    "all zero": cases.dense(1, 64, 8, always(0)),
    "all -8": cases.dense(1, 500, 6, always(-8)),
    "all -128, a step of 128": cases.dense(1, 40, 6, always(-128), low=-128),
    "all 7": cases.dense(2, 24, 5, always(7)),
    "sums beyond 19 bits": cases.dense(2, 1501, 9, few(2)),
    "one weight": cases.dense(1, 640, 6, only((5, 639))),
    "4x4 blocks": cases.dense(1, 64, 10, few(2, 0.75, -8, (4, 4))),
    "4x4 blocks, cut": cases.dense(1, 77, 13, few(1, 0.75, -8, (4, 4)), activation="NONE", zero_points=(4, 9)),
    "4x4 blocks of -8, sums beyond 19 bits": cases.dense(
        1, 3000, 9, lambda random, data: cases.pruned(random, data * 0 - 8, (4, 4), 0.5)
    ),
    "4x2 blocks": cases.dense(1, 64, 10, few(2, 0.75, -8, (4, 2))),
    "4x2 blocks, cut, rows": cases.dense(3, 61, 10, few(2, 0.75, -8, (4, 2))),
    "4x2 blocks, per channel": cases.dense(1, 640, 12, few(1, 0.9, -8, (4, 2)), per_channel=True),
    "4x2 blocks, sums beyond 19 bits": cases.dense(
        1, 3000, 9, few(2, 0.5, -8, (4, 2)), activation="NONE", zero_points=(4, 9)
    ),
    "8x4 blocks": cases.dense(1, 160, 20, few(1, 0.8, -8, (8, 4))),
    "8x4 blocks, per channel": cases.dense(2, 160, 16, few(1, 0.8, -7, (8, 4)), per_channel=True),
    "1x1, steps": cases.conv((4, 5), (1, 1), 64, 8, steps),
    "1x1, a depth of 24, steps": cases.conv((4, 5), (1, 1), 24, 7, steps, activation="RELU6", zero_points=(5, -100)),
    "3x3, steps, two roundings": cases.conv((5, 5), (3, 3), 8, 6, steps, activation="NONE", zero_points=(5, 3)),
    "1x1, empty rows": cases.conv((4, 5), (1, 1), 272, 8, empty_rows),
    "1x1, 4x2 blocks of -8": cases.conv(
        (4, 5), (1, 1), 64, 8, lambda random, data: cases.pruned(random, steps(random, data), (4, 2), 0.75)
    ),
    "1x1, 4x2 blocks, nine filters": cases.conv((4, 5), (1, 1), 64, 9, few(1, 0.75, -7, (4, 2))),
    "1x1, 4x2 blocks, six filters": cases.conv((3, 4), (1, 1), 36, 6, few(3, 0.75, -7, (4, 2))),
    "1x1, 4x2 blocks, one weight": cases.conv((3, 4), (1, 1), 512, 7, only((6, 0, 0, 511))),
    "3x3, 4x2 blocks, a depth of 5": cases.conv((5, 9), (3, 3), 5, 7, few(3, 0.8, -7, (4, 2)), stride=(2, 2)),
    "3x3, 4x2 blocks, two roundings": cases.conv(
        (5, 6), (3, 3), 8, 12, few(3, 0.8, -7, (4, 2)), activation="NONE", zero_points=(5, 3)
    ),
    "3x3, 2x4 blocks": cases.conv((5, 9), (3, 3), 20, 6, few(3, 0.8, -8), stride=(2, 2)),
    "a gap longer than a skip": cases.dense(1, 4000, 6, only((0, 3), (1, 3999), (5, 2000))),
}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("level", ["-O2", pytest.param("-O0", marks=pytest.mark.slow)])
def test_edges(core, level, tmp_path):
    assert cases.wrong(list(EDGES.values()), tmp_path, core, (level,)) == []


@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_another_compiler(core, tmp_path):
    assert cases.wrong(list(EDGES.values()), tmp_path, core, bench.CLANG) == []


def exact(graph, core: str) -> set[str]:
    """Names of the kernels that take ``graph`` on ``core``."""
    return {type(kernel).__module__.rpartition(".")[2] for kernel in cases.sparse_kernels(graph, core)}


@pytest.mark.parametrize(("core", "kind"), [("cortex-m0plus", "thumb"), ("cortex-m4", "dsp"), ("cortex-m55", "mve")])
def test_every_step_is_stored_in_four_bits(core, kind):
    for name in ("a step of 16", "per channel", "steps", "all -8", "all -128, a step of 128", "sums beyond 19 bits"):
        graph = EDGES[name]
        if core == "cortex-m0plus" and name == "sums beyond 19 bits":
            continue  # rows of an odd length
        assert f"fully_connected_int4_{kind}" in exact(graph, core), name
        kernel = kernels.find(f"fully_connected_int4_{kind}")
        weights = kernel.context(graph.nodes[0], graph).arrays["weights"]
        units, features = (-(-size // 8) * 8 for size in graph.tensor(graph.nodes[0], 1).shape)
        assert weights.nbytes <= units * (-(-features // 16) * 8 + 13)


def test_bytes_of_two_channels_are_halves_where_they_would_not_fit_as_a_sum():
    values = Values(np.array([[-8, 7], [-8, 5], [3, 1], [-8, 0]]), 4)
    assert values.split
    assert values.bytes(values.values).astype(int).tolist() == [[-120, 87], [-13, 1]]
    values = Values(np.array([[0, 7], [-8, 5], [3, -8], [-8, 0], [5, 5]]), 4)
    assert not values.split
    assert values.bytes(values.values).astype(int).tolist() == [[-128, 81], [-13, -8], [1, 1], [0, 0]]
    assert values.step.tolist() == [7, 1, 1, 8, 5, 1, 1, 1]


def test_seventeen_levels_are_stored_in_eight_bits():
    graph = cases.dense(1, 64, 8, lambda random, data: random.integers(-8, 9, data.shape))
    assert not any("int4" in name for core in CORES for name in exact(graph, core))


def test_a_gap_longer_than_a_skip_holds_a_block_of_zeros():
    graph = EDGES["a gap longer than a skip"]
    found = Int4Dense.sparse(graph.nodes[0], graph)
    assert found.exact
    assert any(len(blocks) > 3 for blocks in found.stored)
    for blocks in found.stored:
        assert (np.diff(blocks) - 1 <= REACH).all()
        assert _sparse_blocks.skips(blocks, 1)[-1] & _sparse_blocks.LAST


def test_blocks_are_as_wide_as_the_mask():
    for columns in (4, 2):
        graph = cases.dense(1, 640, 32, few(1, 0.75, -7, (4, columns)))
        assert Int4Dense.sparse(graph.nodes[0], graph).block == columns
        for core, kind in (("cortex-m4", "dsp"), ("cortex-m0plus", "thumb")):
            kernel = kernels.find(f"fully_connected_sparse_int4_{kind}")
            assert f"fully_connected_sparse_int4_{kind}" in exact(graph, core)
            assert kernel.context(graph.nodes[0], graph).shape["block"] == columns


def test_blocks_of_two_inputs_come_in_twos_that_skips_can_reach():
    for name in ("1x1, 4x2 blocks, nine filters", "1x1, 4x2 blocks, one weight", "3x3, 4x2 blocks, a depth of 5"):
        graph = EDGES[name]
        assert "conv_2d_narrow_int4_dsp" in exact(graph, "cortex-m4")
        found = NarrowBlocks.of(graph.nodes[0], graph)
        for blocks in found.stored:
            assert len(blocks) % 2 == 0
            assert (np.diff(blocks) > 0).all() and (np.diff(blocks) - 1 <= REACH_OF_TWO).all()
        assert found.packed()["skips"].nbytes == sum(map(len, found.stored))


def test_lanes_are_emptied_before_they_could_overflow():
    graph = cases.conv((4, 5), (1, 1), 256, 8, few(1, 0.5, -8))
    kernel = kernels.find("conv_2d_sparse_int4_thumb")
    assert kernel.exact(graph.nodes[0], graph)
    call = kernel.context(graph.nodes[0], graph)
    octets = call.arrays["stream"][int(call.scalars["stream_words"]) :].view(np.uint8)
    assert (octets[::2] & 0x40).any() and not (octets[1::2] & 0x40).any()
    assert (octets & 0x80).astype(bool).sum() == 8 and not (octets[::2] & 0x80).any()
