"""Kernels for Helium over generated layers, and at the edge of each of their conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import frontends, kernels, ops, oracles, planner
from edgebuild.codegen.project import generate
from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import Quantization
from edgebuild.kernels import conv_2d_mve, conv_2d_rows_mve
from edgebuild.kernels._mve_convolution import Convolution
from edgebuild.kernels._mve_output import Form, Output, join
from edgebuild.kernels._mve_windows import Windows
from edgebuild.kernels.average_pool_2d_mve import LARGEST
from edgebuild.kernels.depthwise_conv_2d_mve import Depthwise
from edgebuild.ops import _cases
from edgebuild.planner._overlap import forward_distance
from edgebuild.target import load
from tests import zoo
from tests.codegen import bench
from tests.ops.test_every_operator import inputs_of

ZERO_POINTS = st.sampled_from([-128, -128, -5, 0, 3, 127])
ACTIVATIONS = st.sampled_from(["NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
OUTPUT_SCALES = st.sampled_from([1e-6, 1e-4, 3e-3, 0.02, 0.1, 0.3, 2.0, 60.0, 1e5])
BATCH = 60
"""Layers in one program: compiling and starting the emulator takes longer than running them."""

batches = settings(
    max_examples=2,  # the first is the simplest one, and would be alone
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def mve_kernels(graph: Graph) -> list[kernels.Kernel]:
    """Kernels of this folder that are exact for a graph's one node."""
    (node,) = graph.nodes
    own = [k for k in kernels.of(node.op) if k.features == {"mve"} and "sparse" not in k.template]
    return [k for k in own if k.exact(node, graph)]


def wrong(graphs: list[Graph], folder, flags: tuple[str, ...] = ("-O2",)) -> list[str]:
    """What kernels computed wrong on the core, each of them on each graph where it says that it is exact."""
    tried = [(graph, kernel) for graph in graphs for kernel in mve_kernels(graph)]
    assert tried
    entries = [bench.entry(g, f"case_{i}", inputs_of(g), (k,)) for i, (g, k) in enumerate(tried)]
    found = bench.run_on_core(entries, folder, load.load("cortex-m55"), flags)
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
    strides = [draw(st.sampled_from([1, 1, 2, 3])) for _ in "hw"]
    dilations = [draw(st.sampled_from([1, 1, 1, 2, 3])) for _ in "hw"]
    fits = all((k - 1) * d < n for n, k, d in zip(size, kernel, dilations, strict=True))
    options["padding"] = draw(st.sampled_from(["SAME", "SAME", "VALID"])) if fits else "SAME"
    for axis, n, k, s, d in zip("hw", size, kernel, strides, dilations, strict=True):
        options |= {f"stride_{axis}": s, f"dilation_{axis}_factor": d}
        extents.append(arithmetic.output_extent(options["padding"], n, k, s, d))
    return options, extents


@st.composite
def convolutions(draw, op: str = "conv_2d") -> Graph:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 13)))
    kernel = draw(st.sampled_from([(1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (1, 5), (4, 1), (2, 3), (10, 4)]))
    options, extents = windowed(draw, size, kernel)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3, 4, 8, 12, 15, 16, 17, 24, 32, 48, 64, 100]))
    source = _cases.activation("input", (1, *size, channels), 0.05, draw(ZERO_POINTS))
    if op == "conv_2d":
        filters, axis = draw(st.sampled_from([1, 2, 4, 6, 7, 8, 12])), 0
        shape: tuple[int, ...] = (filters, *kernel, channels)
    else:
        options["depth_multiplier"] = multiplier = draw(st.sampled_from([1, 1, 1, 3])) if channels > 1 else 6
        filters, axis = channels * multiplier, 3
        shape = (1, *kernel, filters)
    low, scale = draw(st.sampled_from([-127, -127, -128, 0])), draw(st.sampled_from([1e-5, 0.003, 0.01, 0.2]))
    weight = _cases.weights(random, shape, axis, draw(st.booleans()), low, scale)
    bias = _cases.bias(random, weight, 0.05, filters, draw(st.sampled_from([1, 4000, 10**6, 2**30])))
    output = _cases.activation("output", (1, *extents, filters), draw(OUTPUT_SCALES), draw(ZERO_POINTS))
    return _cases.graph(op, (source, weight, bias), output, options, 3)


@st.composite
def dense(draw) -> Graph:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, units = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 7, 8, 9, 16, 21]))
    features = draw(st.sampled_from([1, 7, 15, 16, 17, 31, 32, 33, 48, 64, 80, 100, 128, 175, 256]))
    low = draw(st.sampled_from([-127, -128, 0]))
    weight = _cases.weights(random, (units, features), 0, draw(st.booleans()), low)
    span = draw(st.sampled_from([4000, 2**30]))
    bias = _cases.bias(random, weight, 0.04, units, span) if draw(st.booleans()) else None
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
    channels, zero = draw(st.sampled_from([1, 3, 4, 7, 8, 13, 16, 20])), draw(ZERO_POINTS)
    source = _cases.activation("input", (1, *size, channels), 0.05, zero)
    output = _cases.activation("output", (1, *extents, channels), 0.05, zero)
    return _cases.graph(draw(st.sampled_from(["average_pool_2d", "max_pool_2d"])), (source,), output, options, 2)


@pytest.mark.parametrize("worth", [1e-9, 1e9], ids=["a loop of its own for each depth", "the loop for any depth"])
def test_convolutions(worth, tmp_path, monkeypatch):
    monkeypatch.setattr(conv_2d_mve, "WORTH", worth)
    monkeypatch.setattr(conv_2d_mve, "ANY_DEPTH_CODE", 0)
    graphs = drawn(convolutions(), BATCH if worth > 1 else 2 * BATCH // 3)
    assert wrong([g for g in graphs if mve_kernels(g)], tmp_path) == []


def drawn(strategy, count: int) -> list[Any]:
    """A fixed list of examples."""
    found: list[Any] = []

    @batches
    @given(st.lists(strategy, min_size=count, max_size=count))
    def collect(examples):
        found.extend(examples)

    collect()
    return found


@batches
@given(st.lists(convolutions("depthwise_conv_2d"), min_size=BATCH, max_size=BATCH))
def test_depthwise_convolutions(tmp_path_factory, graphs):
    assert wrong([g for g in graphs if mve_kernels(g)], tmp_path_factory.mktemp("core")) == []


@batches
@given(st.lists(st.one_of(dense(), pools()), min_size=BATCH, max_size=BATCH))
def test_dense_layers_and_pools(tmp_path_factory, graphs):
    assert wrong(graphs, tmp_path_factory.mktemp("core")) == []


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
def test_other_levels(level, tmp_path):
    names = ("conv_2d", "depthwise_conv_2d", "fully_connected", "add", "average_pool_2d", "max_pool_2d", "mean")
    graphs = [case.graph for name in names for case in ops.find(name).cases()]
    assert wrong([g for g in graphs if mve_kernels(g)], tmp_path, (level,)) == []


# ---- the edges of the conditions -----------------------------------------------------------------


def ties(shift: int, activation: str, zero_point: int, op: str = "conv_2d", bias: int = 0) -> Graph:
    """A layer whose multiplier is exactly 2^-shift, so that many of its outputs are ties."""
    random = np.random.default_rng(shift + 40)
    shape = {"conv_2d": (4, 1, 1, 16), "depthwise_conv_2d": (1, 1, 1, 16), "fully_connected": (16, 16)}[op]
    channels = shape[-1] if op == "depthwise_conv_2d" else shape[0]
    data = random.integers(-3, 4, shape).astype(np.int8) * np.int8(1 if shift < 12 else 40)
    axis = 3 if op == "depthwise_conv_2d" else 0
    # two scales that give the same multiplier would be one: every other channel is scaled by half
    scales = tuple(float(2.0 ** -(shift + i % 2)) for i in range(channels))
    weight = Tensor("weights", shape, _cases.activation("", (1,)).dtype, Quantization(scales, (0,) * channels, axis))
    weight = replace(weight, data=data)
    values = random.integers(-200, 200, channels).astype(np.int32) + np.int32(bias)
    biases = _cases.constant("bias", values.astype(np.int32))
    rows = (1, 3, 4, 16) if op != "fully_connected" else (3, 16)
    options = {"fused_activation_function": activation, "weights_format": 0, "keep_num_dims": False}
    options |= {"padding": "SAME", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    source = _cases.activation("input", rows, 1.0, 0)
    output = _cases.activation("output", (*rows[:-1], channels), 1.0, zero_point)
    return _cases.graph(op, (source, weight, biases), output, options, 3)


def form_of(graph: Graph) -> Form:
    """The form of a convolution's output."""
    return Convolution.of(graph.nodes[0], graph).output.form


@pytest.mark.parametrize("op", ["conv_2d", "depthwise_conv_2d", "fully_connected"])
def test_ties_in_every_form(op, tmp_path):
    graphs = [
        ties(shift, activation, zero_point, op)
        for shift in (-9, -1, 0, 1, 2, 3, 8, 14, 30, 31)
        for activation, zero_point in (("NONE", 5), ("RELU", -128), ("RELU", -9), ("RELU6", 3))
    ]
    assert wrong(graphs, tmp_path) == []


@pytest.mark.parametrize(
    ("shift", "activation", "rounding"),
    [(2, "NONE", 1), (0, "NONE", 2), (0, "RELU", 0), (-1, "RELU", 2), (1, "RELU", 0), (30, "NONE", 1)],
)
def test_the_rounding_that_a_layer_needs(shift, activation, rounding):
    """One instruction mends ties from a shift of 1 on; a ReLU needs none as long as nothing is shifted left."""
    # quantize_multiplier gives a power of two a multiplier of one half, and so a shift that is 1 less
    assert form_of(ties(shift + 1, activation, 5 if activation == "NONE" else -128)).rounding == rounding


@pytest.mark.parametrize(
    ("bias", "wide"), [(2**23 - 1, 0), (2**23, 1), (-(2**23), 0), (-(2**23) - 1, 1), (2**31 - 1, 1), (-(2**31), 1)]
)
def test_biases_at_the_edge_of_24_bits(bias, wide, tmp_path):
    graphs = []
    for op in ("conv_2d", "depthwise_conv_2d", "fully_connected"):
        graph = ties(20, "NONE", 0, op)
        biases = graph.tensors[2]
        data = biases.data.copy()
        data[1] = bias
        graphs.append(replace(graph, tensors=(*graph.tensors[:2], replace(biases, data=data), graph.tensors[3])))
    assert form_of(graphs[0]).wide == wide
    assert wrong(graphs, tmp_path) == []


def test_forms_join():
    def output(low: int, high: int, zero_point: int, shift: int) -> Output:
        one = np.array([1])
        return Output(one, one << 30, one * shift, zero_point, low, high)

    relu, linear, narrow = output(-128, 127, -128, 0), output(-128, 127, 4, -3), output(4, 100, 4, -3)
    assert join([relu]) == Form(0, 1, 0)
    assert join([linear]) == Form(1, 0, 0)
    assert join([relu, linear]) == Form(2, 0, 0)  # a shift of 0 has no half to round
    assert join([narrow, relu]) == Form(0, 2, 0)


def depthwise(weights: np.ndarray, channels: int, kernel: tuple[int, int]) -> Graph:
    """A depthwise layer with the given weights ``(taps, channels)``."""
    random = np.random.default_rng(3)
    weight = _cases.weights(random, (1, *kernel, channels), 3)
    weight = replace(weight, data=weights.reshape(1, *kernel, channels).astype(np.int8))
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1, "fused_activation_function": "NONE"}
    source = _cases.activation("input", (1, 5, 6, channels), 0.05, 3)
    output = _cases.activation("output", (1, 5, 6, channels), 1.0, 0)
    bias = _cases.bias(random, weight, 0.05, channels)
    return _cases.graph("depthwise_conv_2d", (source, weight, bias), output, options, 3)


def test_pairs_of_depthwise_weights_that_int16_holds(tmp_path):
    """-128 * -128 + -128 * -128 is the one sum of two products that int16 does not hold."""
    random, graphs = np.random.default_rng(1), []
    for kernel in ((3, 3), (4, 4)):
        for pair, paired in (((-128, -128), False), ((-128, -127), True), ((127, 127), True)):
            weights = random.integers(-127, 128, (kernel[0] * kernel[1], 20))
            weights[2:4, 7] = pair
            graph = depthwise(weights, 20, kernel)
            assert Depthwise.of(graph.nodes[0], graph).paired == paired
            graphs.append(graph)
    # sixteen taps come from a list, in pairs only: another kernel computes them
    assert [len(mve_kernels(g)) for g in graphs] == [1, 1, 1, 0, 1, 1]
    assert wrong([g for g in graphs if mve_kernels(g)], tmp_path) == []


def pointwise(height: int, width: int, channels: int, filters: int) -> Graph:
    """A 1x1 convolution."""
    random = np.random.default_rng(channels)
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "fused_activation_function": "RELU"}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    weight = _cases.weights(random, (filters, 1, 1, channels))
    source = _cases.activation("input", (1, height, width, channels), 0.05, -128)
    output = _cases.activation("output", (1, height, width, filters), 0.3, -128)
    return _cases.graph("conv_2d", (source, weight, _cases.bias(random, weight, 0.05, filters)), output, options, 3)


@pytest.mark.parametrize(
    ("height", "width", "channels", "filters", "direct", "staged"),
    [
        (3, 4, 8, 4, True, False),
        (9, 3, 8, 4, False, True),  # tiles would write pixels of the next row too early
        (4, 3, 8, 4, False, False),  # ... unless nothing is left over
        (3, 5, 4, 4, False, False),
        (3, 5, 20, 4, True, False),
        (3, 5, 20, 6, True, True),
        (3, 5, 132, 4, False, False),
        (3, 5, 144, 4, True, False),
    ],
)
def test_which_pixels_are_read_where_they_lie(height, width, channels, filters, direct, staged, tmp_path):
    graph = pointwise(height, width, channels, filters)
    windows = Windows.of(Convolution.of(graph.nodes[0], graph))
    assert (windows.direct, windows.staged > 0) == (direct, staged)
    assert wrong([graph], tmp_path) == []


def tight(graph: Graph, kernel: kernels.Kernel, name: str) -> bench.Entry:
    """A layer whose output lies as near to its input as its rows allow."""
    (node,), (source,), (result,) = graph.nodes, graph.inputs, graph.outputs
    rows = ops.find(node.op).rows(node, graph, source)
    assert rows is not None
    sizes = [-(-graph.tensors[i].bytes // 4) * 4 for i in (source, result)]
    scratch = -(-kernel.scratch(node, graph) // 4) * 4
    distance = -(-forward_distance(rows, graph.tensors[result].shape[1]) // 4) * 4
    output = scratch + max(0, -distance)
    at = output + distance
    plan = replace(
        planner.plan(graph, (kernel,)),
        arena_bytes=max(at + sizes[0], output + sizes[1]),
        offsets={source: at, result: output},
        scratch={0: 0} if scratch else {},
    )
    return bench.Entry(generate(replace(graph, name=name), plan, (kernel,)), inputs_of(graph))


def test_an_output_as_near_to_its_input_as_rows_allow(tmp_path):
    """Kernels must not write a row before the inputs that later rows read are done with."""
    graphs = [pointwise(6, width, 16, filters) for width in (1, 2, 3, 4, 7) for filters in (4, 6, 16, 20, 32)]
    for op in ("conv_2d", "depthwise_conv_2d", "average_pool_2d", "max_pool_2d"):
        graphs += [case.graph for case in ops.find(op).cases()]
    graphs += drawn(convolutions(), 20) + drawn(convolutions("depthwise_conv_2d"), 20)
    tried = [(graph, kernel) for graph in graphs for kernel in mve_kernels(graph)]
    entries = [tight(graph, kernel, f"case_{i}") for i, (graph, kernel) in enumerate(tried)]
    found = bench.run_on_core(entries, tmp_path, load.load("cortex-m55"))
    numpy = oracles.find("numpy")
    for (graph, kernel), entry, outputs in zip(tried, entries, found, strict=True):
        expected = numpy.run(b"", graph, entry.inputs)
        assert np.array_equal(outputs, expected), (kernel.template, [t.shape for t in graph.tensors])


@pytest.mark.parametrize(("count", "exact"), [(254, True), (255, True), (256, True), (LARGEST + 1, False)])
def test_windows_of_average_pools(count, exact, tmp_path):
    """int16 holds 255 inputs; a reciprocal of 32 bits divides sums of LARGEST."""
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "filter_height": count, "filter_width": 1}
    options["fused_activation_function"] = "NONE"
    source, output = (_cases.activation(n, (1, h, 1, 5), 0.05, 3) for n, h in (("input", count), ("output", 1)))
    graph = _cases.graph("average_pool_2d", (source,), output, options, 2)
    assert bool(mve_kernels(graph)) == exact
    if exact:
        assert wrong([graph], tmp_path) == []


def test_every_average_is_exact():
    """ceil(2^32 / count) has the quotient of every sum of count inputs and its half in its upper word."""
    for count in (2, 3, 7, 125, 255, 1000, 4093, LARGEST):
        sums = np.arange(128 * count + 1, dtype=np.uint64) + np.uint64(count // 2)
        reciprocal = np.uint64((2**32 - 1) // count + 1)
        np.testing.assert_array_equal(sums * reciprocal >> np.uint64(32), sums // np.uint64(count))


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
def test_sums_of_all_pairs(activation, tmp_path, monkeypatch):
    """65,536 pairs, with the larger scale on either side or on both, and the other one far below."""
    graphs = []
    for scales in ((0.05, 0.03, 0.06), (0.03, 0.05, 0.02), (0.04, 0.04, 0.05), (0.9, 1e-6, 0.5), (0.05, 0.02, 0.001)):
        operands = [
            _cases.activation(name, (256, 257), scale, zero)
            for name, scale, zero in (("a", scales[0], -20), ("b", scales[1], 31))
        ]
        output = _cases.activation("output", (256, 257), scales[2], -4)
        graphs.append(_cases.graph("add", operands, output, {"fused_activation_function": activation}, 2))
    values = np.arange(-128, 128, dtype=np.int8)
    pairs = np.concatenate([np.repeat(values, 257), np.tile(np.append(values, 0), 256).astype(np.int8)])
    monkeypatch.setattr("tests.kernels.test_mve.inputs_of", lambda graph: pairs.view(np.uint8)[None])
    assert wrong(graphs, tmp_path) == []


def chain(layers: list[tuple[str, int, int, int, str]]) -> Graph:
    """Several layers one after the other: operator, kernel, stride, filters and activation of each."""
    random = np.random.default_rng(11)
    tensors: list[Tensor] = [_cases.activation("input", (1, 12, 12, 8), 0.05, -3)]
    nodes, at = [], 0
    for number, (op, kernel, stride, filters, activation) in enumerate(layers):
        _, height, width, channels = tensors[at].shape
        axis = 0 if op == "conv_2d" else 3
        shape = (filters, kernel, kernel, channels) if op == "conv_2d" else (1, kernel, kernel, filters)
        weight = replace(_cases.weights(random, shape, axis), name=f"weights_{number}")
        bias = replace(_cases.bias(random, weight, 0.05, filters), name=f"bias_{number}")
        extent = [-(-n // stride) for n in (height, width)]
        zero_point = -128 if activation == "RELU" else 4
        output = _cases.activation(f"output_{number}", (1, *extent, filters), 0.05, zero_point)
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        options |= {"dilation_h_factor": 1, "dilation_w_factor": 1, "fused_activation_function": activation}
        first = len(tensors)
        tensors += [weight, bias, output]
        nodes.append(Node(op, (at, first, first + 1), (first + 2,), options, f"layer_{number}", 3))
        at = first + 2
    return Graph("chain", tuple(tensors), tuple(nodes), (0,), (at,))


CHAINS = {
    "depths": [("conv_2d", 1, 1, n, "RELU") for n in (32, 62, 125, 24, 160, 7, 48)],
    "forms": [("conv_2d", 1, 1, n, a) for n, a in ((32, "RELU"), (16, "NONE"), (32, "RELU"), (8, "RELU6"))],
    "kernels": [
        ("conv_2d", 3, s, n, a) for s, n, a in ((1, 16, "RELU"), (1, 16, "NONE"), (2, 32, "RELU"), (1, 8, "NONE"))
    ],
    "depthwise": [
        ("depthwise_conv_2d", 3, 1, 8, "RELU"),
        ("conv_2d", 1, 1, 22, "NONE"),
        ("depthwise_conv_2d", 3, 2, 22, "RELU"),
        ("conv_2d", 1, 1, 32, "RELU"),
        ("depthwise_conv_2d", 3, 1, 32, "RELU"),
        ("depthwise_conv_2d", 5, 1, 32, "NONE"),
    ],
}


@pytest.mark.parametrize("name", CHAINS)
def test_layers_that_share_functions(name, tmp_path):
    graph = chain(CHAINS[name])
    features = load.load("cortex-m55").cpu.features
    selection = kernels.select(graph, features, "speed")
    assert all(kernel.features == {"mve"} for kernel in selection)
    shapes = {(k.template, str(dict(k.context(n, graph).shape))) for k, n in zip(selection, graph.nodes, strict=True)}
    assert len(shapes) < len(graph.nodes)
    entry = bench.entry(graph, "chain", inputs_of(graph), selection)
    (found,) = bench.run_on_core([entry], tmp_path, load.load("cortex-m55"))
    np.testing.assert_array_equal(found, oracles.find("numpy").run(b"", graph, entry.inputs))


WINDOWS = ((1, 4), (1, 12), (3, 20), (1, 36), (1, 16), (3, 3), (1, 5))
SMALL_CHAINS = {
    **{name: layers for name, layers in CHAINS.items() if name != "depthwise"},
    "words": [("conv_2d", kernel, 1, filters, "RELU") for kernel, filters in WINDOWS],
}


@pytest.mark.parametrize("name", SMALL_CHAINS)
def test_layers_that_share_the_small_convolution(name, tmp_path):
    """A depth begins with what is no whole chunk of 16: each such length has a part of the code, entered by offset."""
    graph = chain(SMALL_CHAINS[name])
    small = kernels.find("conv_2d_small_mve")
    calls = [small.context(node, graph) for node in graph.nodes]
    assert len({str(dict(call.shape)) for call in calls}) == 1
    tails = {-(-graph.tensor(node, 1).elements // graph.tensor(node, 1).shape[0] // 4) * 4 % 16 for node in graph.nodes}
    assert calls[0].shape["tails"] == sum(1 << tail // 4 for tail in tails)
    entry = bench.entry(graph, "chain", inputs_of(graph), (small,) * len(graph.nodes))
    (found,) = bench.run_on_core([entry], tmp_path, load.load("cortex-m55"))
    np.testing.assert_array_equal(found, oracles.find("numpy").run(b"", graph, entry.inputs))


@pytest.mark.parametrize("optimize", ["speed", "size"])
@pytest.mark.parametrize("name", CHAINS)
def test_rows_of_a_layer_call_the_function_of_the_whole_layer(name, optimize):
    """A stream computes a few rows of each layer at a time; that must not double the code."""
    graph = chain(CHAINS[name])
    selection = kernels.select(graph, load.load("cortex-m55").cpu.features, optimize)
    for kernel, node in zip(selection, graph.nodes, strict=True):
        rows = kernels.part(node, graph, 1, 2)
        assert kernel.exact(rows.node, rows.graph)
        assert kernel.context(rows.node, rows.graph).shape == kernel.context(node, graph).shape


def test_a_kind_of_convolution_that_is_too_rare_gets_no_loop_of_its_own(monkeypatch):
    graph = chain(CHAINS["kernels"])
    rows = conv_2d_rows_mve.Conv2DRowsMve()
    assert rows.exact(graph.nodes[1], graph)
    monkeypatch.setattr(conv_2d_rows_mve, "SHARE", 0.9)
    assert not rows.exact(graph.nodes[1], graph)


def test_the_small_convolution_is_one_function_for_all_layers() -> None:
    """Whatever their depth, window and output: image_classification has 1x1 and 3x3, with ReLU and without."""
    content = zoo.tflite("image_classification").read_bytes()
    graph = frontends.find("tflite").read(content, "model", "image_classification")
    small, usual = kernels.find("conv_2d_small_mve"), kernels.find("conv_2d_mve")
    nodes = [node for node in graph.nodes if node.op == "conv_2d"]
    shapes = [small.context(node, graph).shape for node in nodes]
    assert len(nodes) == 9 and all(shape == shapes[0] for shape in shapes)
    assert shapes[0]["depths"] == 1
    for node in nodes:
        assert small.instructions(node, graph) > usual.instructions(node, graph)
    features = load.load("cortex-m55").cpu.features
    taken = {
        kernel
        for kernel, node in zip(kernels.select(graph, features, "size"), graph.nodes, strict=True)
        if node in nodes
    }
    assert taken == {small}
