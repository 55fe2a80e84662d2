"""Kernels for pruned and narrow weights: when a model takes them, and what its report says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgebuild import kernels
from edgebuild.ir.graph import Graph
from edgebuild.kernels import _weigh
from edgebuild.reports.pruned import pruned
from edgebuild.target import load
from tests.kernels import sparse_cases as cases

FEATURES = {core: load.load(core).cpu.features for core in cases.CORES}


def layer(filters: int, channels: int = 64, share: float = 0.75, low: int | None = None) -> Graph:
    """A 1x1 convolution with ``share`` of its blocks zeroed; of 15 levels if ``low`` is given."""

    def change(random: np.random.Generator, data: np.ndarray) -> np.ndarray:
        data = data if low is None else cases.levels(random, data.shape, low, 1)
        return cases.pruned(random, data, (2, 4), share)

    return cases.conv((5, 5), (1, 1), channels, filters, change)


def chosen(graph: Graph, core: str, optimize: kernels.Optimize, sparse: bool = True) -> str:
    (kernel,) = kernels.select(graph, FEATURES[core], optimize, sparse)
    assert kernel is not None
    return kernel.template.removeprefix("conv_2d/").removesuffix(".c.j2")


def test_a_compact_kernel_must_save_its_own_code(monkeypatch):
    """Where instructions are worth nothing; else it may also save those."""
    assert chosen(layer(8), "cortex-m4", "size") == "sparse_dsp"
    monkeypatch.setitem(kernels.HALVING, "thumb2", 0.0)
    assert chosen(layer(128), "cortex-m4", "size") == "sparse_dsp"
    assert chosen(layer(8), "cortex-m4", "size") == "portable"


def test_balanced_takes_four_bits_that_halve_the_flash():
    graph = layer(256, share=0.0, low=-7)
    assert [chosen(graph, "cortex-m4", optimize) for optimize in ("speed", "balanced")] == ["dsp", "int4_dsp"]
    assert chosen(layer(8, share=0.0, low=-7), "cortex-m4", "balanced") == "dsp"


@pytest.mark.parametrize("core", cases.CORES)
@pytest.mark.parametrize("optimize", ["speed", "balanced", "size"])
def test_they_can_be_forbidden(core, optimize):
    graph = layer(128)
    assert "sparse" in chosen(graph, core, optimize)
    assert "sparse" not in chosen(graph, core, optimize, sparse=False)
    (kernel,) = kernels.lean(graph, FEATURES[core], sparse=False)
    assert not kernels.compact(kernel)


def weight(constants: int, instructions: float, function: str, code: int) -> _weigh.Weight:
    kernel = kernels.find({"whole": "conv_2d_dsp", "few": "conv_2d_sparse_dsp"}[function])
    return _weigh.Weight(kernel, constants, instructions, (function,), code)


def test_layers_share_the_code_of_a_kernel():
    """One layer alone would not pay for it, three do; and none leaves it because another one could."""
    start = {n: weight(1000, 100.0, "whole", 1000) for n in range(3)}
    options = {n: [weight(600, 100.0, "few", 1100)] for n in range(3)}
    found = _weigh.weighed(start, options, halving=0.0)
    assert {one.function for one in found.values()} == {("few",)}
    alone = _weigh.weighed({**start, 3: weight(9000, 900.0, "whole", 1000)}, {0: options[0]}, halving=0.0)
    assert {one.function for one in alone.values()} == {("whole",)}
    assert _weigh.flash(found) == 3 * 600 + 1100


def test_instructions_count_beside_flash_unless_they_are_worth_nothing():
    start = {0: weight(1000, 1000.0, "whole", 0), 1: weight(1000, 1000.0, "whole", 0)}
    options = {0: [weight(900, 1900.0, "few", 0)]}
    assert _weigh.weighed(start, options, halving=0.0)[0].function == ("few",)
    assert _weigh.weighed(start, options)[0].function == ("whole",)


def test_half_as_many_instructions_are_worth_the_same_however_many_they_are():
    for scale in (1.0, 1e6):
        start = {0: weight(1000, 1000 * scale, "whole", 0)}
        options = {0: [weight(1500, 500 * scale, "few", 0)]}
        assert _weigh.weighed(start, options, halving=499.0)[0].function == ("whole",)
        assert _weigh.weighed(start, options, halving=501.0)[0].function == ("few",)


def test_kernels_that_only_pay_together_are_found():
    """Two operators of the same work: one fast kernel hardly helps, since the other's work is left."""
    slow, fast = kernels.find("conv_2d_thumb"), kernels.find("conv_2d_dsp")
    start = {n: _weigh.Weight(slow, 0, 1000.0, (n,), 0) for n in range(2)}
    kernels_ = (fast, kernels.find("fully_connected_dsp"))
    options = {n: [_weigh.Weight(kernels_[n], 0, 10.0, (n, "fast"), 1500)] for n in range(2)}
    assert _weigh.weighed(start, {0: options[0]}, halving=1000.0)[0].kernel == slow
    assert [one.kernel for one in _weigh.weighed(start, options, halving=1000.0).values()] == list(kernels_)


def entries(graph: Graph, core: str, optimize: kernels.Optimize = "speed", allowed: bool = True):
    selection = kernels.select(graph, FEATURES[core], optimize, allowed)
    return pruned(graph, selection, FEATURES[core], optimize, allowed)


def test_the_report_has_both_sides_of_a_pruned_layer():
    (entry,) = entries(layer(128), "cortex-m4")
    assert entry["chosen"] == "compact" and entry["why_dense"] is None
    assert 0.7 < entry["zeros"] < 0.8 and not entry["levels16"]
    assert entry["dense"]["kernel"] == "dsp" and entry["compact"]["kernel"] == "sparse_dsp"
    for key in ("bytes", "predicted_instructions"):
        assert 2 * entry["compact"][key] < entry["dense"][key]


def test_the_report_says_why_a_pruned_layer_stays_dense(monkeypatch):
    (forbidden,) = entries(layer(128), "cortex-m4", allowed=False)
    assert forbidden["why_dense"] == "compact_weights is false"
    with monkeypatch.context() as patched:
        patched.setitem(kernels.HALVING, "thumb2", 0.0)
        (small,) = entries(layer(8), "cortex-m4", "size")
    assert small["why_dense"] == "the code of sparse_dsp would take more flash than it saves"
    scattered = cases.conv((5, 5), (1, 1), 64, 32, lambda random, data: cases.pruned(random, data, (1, 1), 0.3))
    (single,) = entries(scattered, "cortex-m0plus")
    assert single["why_dense"] == "no kernel for this core stores these weights in fewer bytes"
    (slower,) = entries(layer(64, share=0.0, low=-7), "cortex-m4")
    assert slower["why_dense"].startswith("int4_dsp would take ")
    assert slower["compact"]["bytes"] < slower["dense"]["bytes"]


def test_whole_weights_are_not_reported():
    assert entries(layer(32, share=0.0), "cortex-m4") == ()
    whole = replace(layer(32, share=0.0), name="net")
    assert entries(whole, "cortex-m0plus") == ()
