"""Kernels of the DSP extension over generated layers, and at the edge of each of their conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import kernels, ops, oracles
from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph
from edgebuild.ir.types import Quantization
from edgebuild.kernels._dsp_affine import fitted
from edgebuild.kernels._dsp_channels import UNIT, Channels
from edgebuild.kernels._dsp_pairs import separable
from edgebuild.ops import _cases
from edgebuild.ops._requantization import Requantization
from edgebuild.target import load
from tests.codegen import bench
from tests.ops.test_every_operator import inputs_of

ZERO_POINTS = st.sampled_from([-128, -127, -5, 0, 3, 126, 127])
ACTIVATIONS = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
OUTPUT_SCALES = st.sampled_from([1e-6, 1e-4, 3e-3, 0.02, 0.05, 0.3, 2.0, 60.0, 1e5])
BATCH = 32
"""Layers in one program: compiling and starting the emulator takes longer than running them."""

batches = settings(
    max_examples=2,  # the first is the simplest one, and would be alone
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def dsp_kernels(graph: Graph) -> list[kernels.Kernel]:
    (node,) = graph.nodes
    return [k for k in kernels.of(node.op) if k.features == {"thumb2", "dsp"} and k.exact(node, graph)]


def wrong(graphs: list[Graph], folder, core: str = "cortex-m4", flags: tuple[str, ...] = ("-O2",)) -> list[str]:
    """What kernels computed wrong on the core, each of them on each graph where it says that it is exact."""
    tried = [(graph, kernel) for graph in graphs for kernel in dsp_kernels(graph)]
    assert tried
    entries = [bench.entry(g, f"case_{i}", inputs_of(g), (k,)) for i, (g, k) in enumerate(tried)]
    found = bench.run_on_core(entries, folder, load.load(core), flags)
    numpy = oracles.find("numpy")
    return [
        f"{kernel.template} {dict(kernel.context(graph.nodes[0], graph).shape)} {graph.nodes[0].options} "
        f"{[t.shape for t in graph.tensors]}"
        for (graph, kernel), entry, outputs in zip(tried, entries, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]


def windowed(draw, size: tuple[int, int], kernel: tuple[int, int]) -> tuple[dict[str, Any], list[int]]:
    """Options of an operator with a window, and the extent of its output."""
    options: dict[str, Any] = {"fused_activation_function": draw(ACTIVATIONS)}
    extents = []
    strides, dilations = [draw(st.integers(1, 3)) for _ in "hw"], [draw(st.sampled_from([1, 1, 2])) for _ in "hw"]
    fits = all((k - 1) * d < n for n, k, d in zip(size, kernel, dilations, strict=True))
    options["padding"] = draw(st.sampled_from(["SAME", "VALID"])) if fits else "SAME"
    for axis, n, k, s, d in zip("hw", size, kernel, strides, dilations, strict=True):
        options |= {f"stride_{axis}": s, f"dilation_{axis}_factor": d}
        extents.append(arithmetic.output_extent(options["padding"], n, k, s, d))
    return options, extents


@st.composite
def convolutions(draw, op: str = "conv_2d") -> Graph:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 11)))
    kernel = (draw(st.integers(1, 4)), draw(st.sampled_from([1, 1, 2, 3, 5])))
    if draw(st.booleans()) and op == "depthwise_conv_2d":
        kernel = (3, 3)
    options, extents = windowed(draw, size, kernel)
    if op == "depthwise_conv_2d" and kernel == (3, 3) and draw(st.booleans()):
        options |= {"dilation_h_factor": 1, "dilation_w_factor": 1, "stride_w": options["stride_h"], "padding": "SAME"}
        extents = [arithmetic.output_extent("SAME", n, 3, options["stride_h"]) for n in size]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 13, 16]))
    source = _cases.activation("input", (1, *size, channels), 0.05, draw(ZERO_POINTS))
    per_channel, low = draw(st.booleans()), draw(st.sampled_from([-127, -127, -128, 0]))
    if op == "conv_2d":
        filters, axis = draw(st.integers(1, 9)), 0
        shape: tuple[int, ...] = (filters, *kernel, channels)
    else:
        multiplier = draw(st.sampled_from([1, 1, 2, 5]))
        options["depth_multiplier"] = multiplier
        filters, axis = channels * multiplier, 3
        shape = (1, *kernel, filters)
    weight = _cases.weights(random, shape, axis, per_channel, low, draw(st.sampled_from([1e-5, 0.003, 0.01, 0.2])))
    bias = _cases.bias(random, weight, 0.05, filters, draw(st.sampled_from([1, 4000, 10**6, 2**30])))
    output = _cases.activation("output", (1, *extents, filters), draw(OUTPUT_SCALES), draw(ZERO_POINTS))
    return _cases.graph(op, (source, weight, bias), output, options, 3)


@st.composite
def dense(draw) -> Graph:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, features, units = draw(st.integers(1, 3)), draw(st.integers(1, 45)), draw(st.integers(1, 21))
    weight = _cases.weights(random, (units, features), 0, draw(st.booleans()), draw(st.sampled_from([-127, -128, 0])))
    bias = _cases.bias(random, weight, 0.04, units) if draw(st.booleans()) else None
    options = {
        "fused_activation_function": draw(ACTIVATIONS),
        "weights_format": 0,
        "keep_num_dims": False,
        "asymmetric_quantize_inputs": False,
    }
    source = _cases.activation("input", (rows, features), 0.04, draw(ZERO_POINTS))
    output = _cases.activation("output", (rows, units), draw(OUTPUT_SCALES), draw(ZERO_POINTS))
    return _cases.graph("fully_connected", (source, weight, bias), output, options, 4)


@st.composite
def pools(draw) -> Graph:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    kernel = (draw(st.integers(1, size[0])), draw(st.integers(1, size[1])))
    options, _ = windowed(draw, size, kernel)
    options = {k: v for k, v in options.items() if "dilation" not in k}
    options |= {"filter_height": kernel[0], "filter_width": kernel[1]}
    extents = [
        arithmetic.output_extent(options["padding"], n, k, options[f"stride_{axis}"])
        for axis, n, k in zip("hw", size, kernel, strict=True)
    ]
    channels, zero = draw(st.integers(1, 13)), draw(ZERO_POINTS)
    source = _cases.activation("input", (1, *size, channels), 0.05, zero)
    output = _cases.activation("output", (1, *extents, channels), 0.05, zero)
    return _cases.graph(draw(st.sampled_from(["average_pool_2d", "max_pool_2d"])), (source,), output, options, 2)


@batches
@given(st.lists(convolutions(), min_size=BATCH, max_size=BATCH))
def test_convolutions(tmp_path_factory, graphs):
    assert wrong([g for g in graphs if dsp_kernels(g)], tmp_path_factory.mktemp("core")) == []


@batches
@given(st.lists(convolutions("depthwise_conv_2d"), min_size=BATCH, max_size=BATCH))
def test_depthwise_convolutions(tmp_path_factory, graphs):
    assert wrong([g for g in graphs if dsp_kernels(g)], tmp_path_factory.mktemp("core")) == []


@batches
@given(st.lists(st.one_of(dense(), pools()), min_size=BATCH, max_size=BATCH))
def test_dense_layers_and_pools(tmp_path_factory, graphs):
    assert wrong([g for g in graphs if dsp_kernels(g)], tmp_path_factory.mktemp("core")) == []


@pytest.mark.parametrize(("core", "level"), [("cortex-m33", "-Os"), ("cortex-m7", "-O3"), ("cortex-m55", "-O0")])
def test_other_cores_and_levels(core, level, tmp_path):
    names = ("conv_2d", "depthwise_conv_2d", "fully_connected")
    graphs = [case.graph for name in names for case in ops.find(name).cases()]
    assert wrong([g for g in graphs if dsp_kernels(g)], tmp_path, core, (level,)) == []


def test_a_dilated_column_of_a_single_row_and_a_read_beyond_the_last_row(tmp_path):
    """Windows that are not read in place need scratch memory even where no window leaves the image."""
    random = np.random.default_rng(5)
    options = {"padding": "SAME", "fused_activation_function": "NONE", "stride_h": 1}
    graphs = []
    for stride, dilation, channels in ((2, 2, 8), (1, 1, 7), (1, 2, 3), (2, 1, 3)):
        geometry = {"stride_w": stride, "dilation_h_factor": 1, "dilation_w_factor": dilation}
        weight = _cases.weights(random, (5, 1, 1, channels))
        source = _cases.activation("input", (1, 1, 8, channels), 0.05, 3)
        output = _cases.activation("output", (1, 1, 8 // stride, 5), 0.1, -7)
        bias = _cases.bias(random, weight, 0.05, 5)
        graphs.append(_cases.graph("conv_2d", (source, weight, bias), output, options | geometry, 3))
    assert wrong(graphs, tmp_path) == []


# ---- the edges of the conditions -----------------------------------------------------------------


def with_shift(shift: int, fraction: float, activation: str, zero_point: int = -128, filters: int = 4) -> Graph:
    """A 1x1 convolution whose multiplier is ``fraction * 2^-shift``; the accumulators cover the outputs."""
    random = np.random.default_rng(abs(shift))
    scale = np.float32(fraction * 2.0 ** -(shift % 8))
    weight = _cases.weights(random, (filters, 1, 1, 64), 0, False)
    weight = _cases.constant("weights", weight.data, Quantization((float(scale),), (0,)))
    span = max(1, min(2**22, 2 ** (shift + 9)))
    bias = _cases.bias(random, weight, 1.0, filters, span)
    options = {
        "fused_activation_function": activation,
        "padding": "SAME",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
    }
    source = _cases.activation("input", (1, 3, 3, 64), 1.0, 7)
    output = _cases.activation("output", (1, 3, 3, filters), 2.0 ** (shift - shift % 8), zero_point)
    return _cases.graph("conv_2d", (source, weight, bias), output, options, 3)


EDGES = [
    with_shift(shift, fraction, activation, zero_point)
    for shift in (-3, 0, 1, 2, 3, 7, 18, 19, 20, 25, 31)
    for fraction in (0.5, 1 - 2**-24)
    for activation, zero_point in (("RELU", -128), ("NONE", 5))
]


def form_of(graph: Graph) -> int:
    (node,) = graph.nodes
    return int(kernels.find("conv_2d_dsp").context(node, graph).scalars.get("roundings", 0))


def test_shifts_from_2_to_19_have_a_fast_form():
    forms = {
        shift: {form_of(with_shift(shift, f, "RELU")) for f in (0.5, 1 - 2**-24)} for shift in (-3, 0, 1, 2, 19, 20)
    }
    assert forms == {-3: {0}, 0: {0}, 1: {0}, 2: {1}, 19: {1}, 20: {0}}


def test_the_edges_of_the_shifts_are_exact_on_the_core(tmp_path):
    assert wrong(EDGES, tmp_path) == []


def test_one_rounding_needs_a_clamp_at_the_zero_point():
    assert form_of(with_shift(7, 0.7, "RELU", 5)) == 1
    assert form_of(with_shift(7, 0.7, "NONE", -128)) == 1
    assert form_of(with_shift(7, 0.7, "NONE", -127)) == 2
    assert form_of(with_shift(7, 0.7, "RELU_N1_TO_1", 5)) == 2


def smmlar(a: np.ndarray, b: np.ndarray | int, c: np.ndarray | int) -> np.ndarray:
    """The instruction, with Python's integers behind numpy's."""
    return (a.astype(object) * b + (np.asarray(c, object) << 32) + 2**31) >> 32


@pytest.mark.parametrize("shift", range(2, 20))
def test_the_forms_equal_the_reference_on_ties_and_at_random(shift):
    random = np.random.default_rng(shift)
    zero_point = 5
    for multiplier in (2**30, 2**31 - 1, 2**30 + 2**20, int(random.integers(2**30, 2**31))):
        ties = (np.arange(-600, 600) * 2.0**shift * 2**31 / multiplier / 2).astype(np.int64)
        sums = np.concatenate([ties - 1, ties, ties + 1, random.integers(-(2**23), 2**23, 2000)])
        sums = sums[np.abs(sums) < 2**23]
        reference = arithmetic.requantize(sums, multiplier, -shift) + zero_point
        power = UNIT << 32 - shift - (UNIT.bit_length() - 1)
        rounded = smmlar(sums, 2 * multiplier - 2**32, sums)
        fixed = rounded + (rounded < 0) * -1
        assert np.array_equal(smmlar(fixed, power, zero_point), reference)
        # one rounding: right wherever the output is not below the zero point
        once = smmlar(rounded, power, zero_point)
        scaled = ((256 * sums.astype(object) * multiplier) >> 32) + UNIT
        odd = smmlar(scaled, power >> 7, zero_point)
        for found in (once, odd):
            assert np.array_equal(np.maximum(found, zero_point), np.maximum(reference, zero_point))


def channels_of(weights: list[list[int]], bias: list[int], shift: int = 8, zero_point: int = -128) -> Channels:
    multiplier, shifts = np.full(len(bias), 2**30 + 12345, np.int32), np.full(len(bias), -shift, np.int8)
    requantization = Requantization(multiplier, shifts, zero_point, -128, 127)
    return Channels.of(np.array(weights, np.int8), np.array(bias), 0, requantization)


def test_sums_come_apart_while_256_times_one_fits_int32():
    weights = [[127] * 40] * 2
    high, low = 40 * 127 * 127, 40 * 127 * -128
    assert separable(channels_of(weights, [0, 2**23 - 1 - high], 15))
    assert not separable(channels_of(weights, [0, 2**23 - high], 15))
    assert separable(channels_of(weights, [0, -(2**23) - low], 15, zero_point=127))
    assert not separable(channels_of(weights, [0, -(2**23) - low - 1], 15, zero_point=127))


def test_an_odd_minus_128_needs_an_even_weight_that_is_not_negative():
    assert separable(channels_of([[0, 5], [-128, 1]], [0, 0]))
    assert separable(channels_of([[-128, -128], [3, -127]], [0, 0]))
    assert not separable(channels_of([[-1, 5], [-128, 1]], [0, 0]))


def test_a_constant_channel_loses_its_weights_and_keeps_its_output():
    found = channels_of([[1, 1], [127, 127]], [10**6, 0])
    assert found.weights.tolist() == [[0, 0], [127, 127]]
    assert found.form == "relu"
    output = arithmetic.requantize(found.bias[:1], int(found.multiplier[0]), -int(found.shift[0])) - 128
    assert np.clip(output, -128, 127) == 127


def test_a_constant_channel_keeps_a_multiplier_that_others_share():
    found = channels_of([[1, 1], [127, 127]], [10**6, 0])
    assert found.multiplier[0] == found.multiplier[1] and found.shift[0] == found.shift[1]


def test_average_pools_of_more_than_255_inputs_are_left_to_others(tmp_path):
    kernel, largest = kernels.find("average_pool_2d_dsp"), []
    for height, width, exact in ((51, 5, True), (16, 16, False)):
        options = {
            "padding": "VALID",
            "stride_h": 1,
            "stride_w": 1,
            "filter_height": height,
            "filter_width": width,
            "fused_activation_function": "NONE",
        }
        source = _cases.activation("input", (1, height, width, 4), 0.05, -3)
        output = _cases.activation("output", (1, 1, 1, 4), 0.05, -3)
        graph = _cases.graph("average_pool_2d", (source,), output, options, 2)
        assert kernel.exact(graph.nodes[0], graph) == exact
        if exact:
            largest.append(graph)
    assert wrong(largest, tmp_path) == []


def test_an_affine_form_is_refused_where_one_pair_differs():
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    table = np.clip((a * 3 + b * 2 + 1) >> 2, -128, 127).astype(np.int8)
    assert fitted(table.tobytes(), 0.75, 0.5) is not None
    table[128, 130] += 1
    assert fitted(table.tobytes(), 0.75, 0.5) is None
