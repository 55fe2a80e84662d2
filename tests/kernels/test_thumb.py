"""Kernels for cores without SIMD, on the emulated cores: generated layers, and the edges of every condition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import kernels, oracles
from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import Quantization
from edgebuild.kernels import _thumb_conv, _thumb_depthwise
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels._thumb_requantization import coarsen, evaluate, shorten
from edgebuild.ops import _cases, find
from edgebuild.target import load
from tests.codegen import bench

CORES = {"cortex-m0plus": "thumb", "cortex-m3": "thumb2"}
WITH_SMALL = [*CORES.items(), ("cortex-m0plus", "small_thumb")]
ACTIVATIONS = st.sampled_from(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))
BATCH = 24


def batches(layers):
    """Runs a test on whole batches of layers: one program on the core for each."""

    def decorate(test):
        return settings(
            max_examples=2,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )(given(graphs=st.lists(layers(), min_size=BATCH, max_size=BATCH))(test))

    return decorate


@st.composite
def convolutions(draw, depthwise=False):
    """A convolution of any geometry, whose outputs range from hardly ever to always saturating."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    kernel = draw(st.sampled_from(((1, 1), (3, 3), (1, 1), (3, 3), (2, 5), (5, 1), (1, 4), (5, 5))))
    height, width = draw(st.integers(1, 9)), draw(st.sampled_from((1, 2, 3, 4, 5, 6, 9, 12)))
    if kernel[1] == 1 and draw(st.booleans()):
        width = 1
    channels = draw(st.sampled_from((1, 2, 3, 4, 5, 8, 16, 24)))
    outputs = channels * draw(st.sampled_from((1, 1, 1, 2, 3))) if depthwise else draw(st.integers(1, 9))
    stride = draw(st.sampled_from(((1, 1), (1, 1), (2, 2), (1, 2), (3, 1))))
    dilation = draw(st.sampled_from(((1, 1), (1, 1), (1, 1), (2, 2), (1, 3))))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    fits = reach[0] <= height and reach[1] <= width
    padding = draw(st.sampled_from(("SAME", "VALID") if fits else ("SAME",)))
    zero_in, zero_out = (draw(st.sampled_from((-128, -128, 0, 5, 127))) for _ in range(2))
    spread = draw(st.sampled_from((127, 127, 70, 30, 3)))
    shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, channels)
    weight = _cases.weights(random, shape, 3 if depthwise else 0, draw(st.booleans()))
    weight = replace(weight, data=random.integers(-spread, spread + 1, shape).astype(np.int8))
    bias = _cases.bias(random, weight, 0.05, outputs, draw(st.sampled_from((1, 4000, 300_000))))
    size = [
        arithmetic.output_extent(padding, n, k, s, d)
        for n, k, s, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]
    image = _cases.activation("input", (1, height, width, channels), 0.05, zero_in)
    out_scale = float(2.0 ** draw(st.floats(-9, 3)))
    output = _cases.activation("output", (1, *size, outputs), out_scale, zero_out)
    options = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": draw(ACTIVATIONS),
    }
    if depthwise:
        options["depth_multiplier"] = outputs // channels
    name = "depthwise_conv_2d" if depthwise else "conv_2d"
    return _cases.graph(name, (image, weight, bias), output, options, 3)


@st.composite
def dense(draw):
    """A fully connected layer."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features, units = draw(st.integers(1, 40)), draw(st.integers(1, 21))
    rows = draw(st.sampled_from((1, 1, 3)))
    weight = _cases.weights(random, (units, features), 0, draw(st.booleans()))
    bias = _cases.bias(random, weight, 0.05, units, draw(st.sampled_from((1, 4000, 3_000_000))))
    source = _cases.activation("input", (rows, features), 0.05, draw(st.sampled_from((-128, 3, 127))))
    scale = float(2.0 ** draw(st.floats(-8, 3)))
    output = _cases.activation("output", (rows, units), scale, draw(st.sampled_from((-128, 0, 90))))
    options = {"fused_activation_function": draw(ACTIVATIONS), "weights_format": 0, "keep_num_dims": False}
    return _cases.graph("fully_connected", (source, weight, bias), output, options, 4)


def inputs_of(graph, count=5):
    """Random bytes, and for the lanes' sake extremes: all least, all greatest, and both mixed."""
    random = np.random.default_rng(11)
    elements = sum(graph.tensors[i].elements for i in graph.inputs)
    rows = [np.full(elements, -128), np.full(elements, 127), random.choice([-128, 127], elements)]
    rows += [random.integers(-128, 128, elements) for _ in range(count - len(rows))]
    return np.stack(rows).astype(np.int8).view(np.uint8)


def check(graphs, variant, core, folder, flags=("-O2",)):
    """Every graph that ``variant`` is exact for gives the bytes of ``evaluate``; how many there were."""
    chosen = [graph for graph in graphs if variant.exact(graph.nodes[0], graph)]
    entries = [bench.entry(g, f"layer_{i}", inputs_of(g), (variant,)) for i, g in enumerate(chosen)]
    found = bench.run_on_core(entries, folder, load.load(core), flags)
    numpy = oracles.find("numpy")
    wrong = [
        (graph.tensors, graph.nodes[0].options)
        for graph, entry, outputs in zip(chosen, entries, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]
    assert wrong == []
    return len(chosen)


@pytest.mark.parametrize("core", CORES)
class TestGenerated:
    @batches(convolutions)
    def test_convolutions(self, core, tmp_path_factory, graphs):
        variant = kernels.find(f"conv_2d_{CORES[core]}")
        assert check(graphs, variant, core, tmp_path_factory.mktemp("conv")) >= BATCH // 2

    @batches(lambda: convolutions(depthwise=True))
    def test_depthwise_convolutions(self, core, tmp_path_factory, graphs):
        variant = kernels.find(f"depthwise_conv_2d_{CORES[core]}")
        assert check(graphs, variant, core, tmp_path_factory.mktemp("depthwise")) >= BATCH // 2

    @batches(dense)
    def test_dense_layers(self, core, tmp_path_factory, graphs):
        variant = kernels.find(f"fully_connected_{CORES[core]}")
        assert check(graphs, variant, core, tmp_path_factory.mktemp("dense")) >= BATCH // 2


def small(op):
    """Layers that have a small form: those that clamp narrower than int8 have none."""
    variant = kernels.find(f"{op}_small_thumb")
    layers = convolutions(depthwise=op == "depthwise_conv_2d")
    return layers.filter(lambda graph: variant.exact(graph.nodes[0], graph))


class TestGeneratedSmall:
    @batches(lambda: small("conv_2d"))
    def test_convolutions(self, tmp_path_factory, graphs):
        variant = kernels.find("conv_2d_small_thumb")
        assert check(graphs, variant, "cortex-m0plus", tmp_path_factory.mktemp("conv")) == BATCH

    @pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4"])
    @batches(lambda: small("depthwise_conv_2d"))
    def test_depthwise_convolutions(self, core, tmp_path_factory, graphs):
        variant = kernels.find("depthwise_conv_2d_small_thumb")
        assert check(graphs, variant, core, tmp_path_factory.mktemp("depthwise")) == BATCH


def layer(weights, bias=0, out_scale=4.0, zero_out=-128, activation="RELU", weight_scale=0.01, width=4):
    """A 1x1 convolution with the given rows of weights."""
    rows = np.atleast_2d(weights).astype(np.int8)
    filters, channels = rows.shape
    weight = _cases.weights(np.random.default_rng(0), (filters, 1, 1, channels), per_channel=False, scale=weight_scale)
    weight = replace(weight, data=rows.reshape(weight.shape), quantization=Quantization((weight_scale,), (0,)))
    biases = _cases.bias(np.random.default_rng(0), weight, 0.05, filters)
    biases = replace(biases, data=np.full(filters, bias, np.int32))
    source = _cases.activation("input", (1, 3, width, channels), 0.05, 0)
    output = _cases.activation("output", (1, 3, width, filters), out_scale, zero_out)
    options = {
        "padding": "SAME",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
        "fused_activation_function": activation,
    }
    return _cases.graph("conv_2d", (source, weight, biases), output, options, 3)


def filters_of(graph):
    return _thumb_conv.filters(graph.nodes[0], graph)


GROUPS = [
    ([64, 64, 64, 63], 1),
    ([64, 64, 64, 64], 0),
    ([-64, -64, -64, -63], 1),
    ([-64, -64, -64, -64], 0),
    ([85, 85, 85, 85, 85, 85, 127, 127], 2),
    ([86, 85, 85, 85, 85, 85, 127, 127], 0),
    ([-85, -85, -85, -85, -85, -85, -127, -127], 2),
    ([127, 127, -127, -127], 0),
]


@pytest.mark.parametrize(("weights", "group"), GROUPS)
def test_groups_are_as_long_as_the_lanes_allow(weights, group):
    assert filters_of(layer(weights)).group.tolist() == [group]


@pytest.mark.parametrize(("core", "variant"), WITH_SMALL)
def test_lanes_at_their_limits(core, variant, tmp_path):
    """Sums of 255 and 256 times the least input in one lane, beside a negative one in the other."""
    graphs = [layer(w, out_scale=scale) for w, _ in GROUPS for scale in (0.2, 2.0)]
    assert check(graphs, kernels.find(f"conv_2d_{variant}"), core, tmp_path) == len(graphs)


@pytest.mark.parametrize(
    ("graph", "possible"),
    [
        (layer([-128, -128, 1, 1]), False),
        (layer([-128, -127, 1, 1]), True),
        (layer([-128, 127, 1, 1]), True),
        (layer([90, 90, 1, 1] * 8, bias=2**23 - 1, out_scale=45.0), True),
        (layer([90, 90, 1, 1] * 8, bias=2**23, out_scale=45.0), False),
        (layer([90, 90, 1, 1], out_scale=0.0011), True),
        (layer([90, 90, 1, 1], out_scale=0.0009), False),
    ],
    ids=["two of -128", "-128 -127", "-128 127", "largest bias", "larger bias", "shift of 1", "no right shift"],
)
@pytest.mark.parametrize("core", CORES)
def test_conditions(core, graph, possible):
    variant = kernels.find(f"conv_2d_{CORES[core]}")
    assert variant.exact(graph.nodes[0], graph) is possible


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    multiplier=st.integers(2**30, 2**31 - 1),
    shift=st.integers(1, 13),
    zero_point=st.integers(-128, 100),
    narrow=st.integers(0, 20),
    weights=st.lists(st.integers(-127, 127), min_size=4, max_size=4),
)
def test_the_short_requantization_is_exact_where_it_says_so(multiplier, shift, zero_point, narrow, weights):
    """All accumulators that four taps can reach, against the reference's two roundings."""
    one = np.array([1], np.int64)
    filters = Filters(np.array([weights]), one * 9, one * multiplier, one * shift, zero_point, zero_point, 127 - narrow)
    short = shorten(filters)
    if not short.exact[0]:
        return
    least, greatest = (int(v[0]) for v in filters.reach)
    a = np.arange(least, greatest + 1)
    raw = arithmetic.requantize(a, multiplier, -shift) + zero_point
    found = evaluate(np.maximum(a, 0), short.factor, np.array([shift])) + zero_point
    found = np.where(a < 0, zero_point, np.where(a > short.limit, 127 - narrow, found))
    np.testing.assert_array_equal(found, np.clip(raw, zero_point, 127 - narrow))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    multiplier=st.integers(2**30, 2**31 - 1),
    shift=st.integers(1, 13),
    bias=st.sampled_from((9, -70_000, 70_000)),
    shared=st.booleans(),
    weights=st.lists(st.integers(-127, 127), min_size=4, max_size=4),
)
def test_the_coarse_requantization_is_exact_where_it_says_so(multiplier, shift, bias, shared, weights):
    """The same with a power of two as limit, as the code computes it: from the word, and with the output in 9 bits."""
    one = np.array([1], np.int64)
    filters = Filters(np.array([weights]), one * bias, one * multiplier, one * shift, -128, -128, 127)
    short = coarsen(filters, shared)
    if not short.exact[0]:
        return
    least, greatest = (int(v[0]) for v in filters.reach)
    a = np.arange(least, greatest + 1)
    word = int(short.factor[0])
    assert not shared or (word & 63) == shift << 1
    factor = np.array([word >> shift - 5 if shared else word])
    steps = evaluate(np.where((a >= 0) & (a < 1 << shift + 9), a, 0), factor, np.array([shift]))
    assert steps.max() < 512
    found = np.where(a < 0, -128, np.where((steps > 255) | (a >= 1 << shift + 9), 127, steps - 128))
    raw = arithmetic.requantize(a, multiplier, -shift) - 128
    np.testing.assert_array_equal(found, np.clip(raw, -128, 127))


def test_most_filters_of_a_usual_layer_take_the_short_requantization():
    random = np.random.default_rng(3)
    found = filters_of(layer(random.integers(-127, 128, (200, 64)), out_scale=0.35))
    assert shorten(found).exact.mean() > 0.99
    assert coarsen(found, shared=False).exact.mean() > 0.99
    assert coarsen(found, shared=True).exact.mean() > 0.95


@pytest.mark.parametrize("op", ["conv_2d", "depthwise_conv_2d"])
def test_the_small_form_takes_a_word_less_a_filter_but_cannot_clamp_narrower(op):
    graph = layer(np.full((6, 8), 90)) if op == "conv_2d" else strided((2,))
    usual, small = kernels.find(f"{op}_thumb"), kernels.find(f"{op}_small_thumb")
    node = graph.nodes[0]
    lengths = [len(kernel.context(node, graph).arrays["stream"]) for kernel in (usual, small)]
    if op == "conv_2d":
        assert lengths == [6 * (1 + 2 + 2), 6 * (1 + 2 + 1)]
        assert small.instructions(node, graph) > usual.instructions(node, graph)
    node = replace(node, options={**node.options, "fused_activation_function": "RELU6"})
    assert small.exact(node, graph) is (usual.exact(node, graph) and not narrow_at(op, node, graph))


def narrow_at(op, node, graph):
    return (_thumb_conv if op == "conv_2d" else _thumb_depthwise).filters(node, graph).narrow


def test_constant_filters_lose_their_weights():
    graph = layer([[3, 1, 2, 4], [9, 3, 1, 2]], bias=2**22, out_scale=40.0)
    found = filters_of(graph)
    assert not found.weights.any()
    (node,) = graph.nodes
    constants = [t.data for t in graph.tensors[1:3]]
    expected = find("conv_2d").evaluate(node, graph, [np.zeros((1, 3, 4, 4), np.int8), *constants])
    assert set(np.unique(expected[0])) == set(found.outputs(found.bias).tolist())


def strided(strides, kernel=3, channels=6, bias=0):
    """Depthwise layers one after the other, each with its stride."""
    random = np.random.default_rng(5)
    tensors = [_cases.activation("input", (1, 12, 14, channels), 0.05, 3)]
    nodes, at = [], 0
    for number, stride in enumerate(strides):
        _, height, width, _ = tensors[at].shape
        weight = replace(_cases.weights(random, (1, kernel, kernel, channels), 3), name=f"weights_{number}")
        biases = _cases.bias(random, weight, 0.05, channels)
        biases = replace(biases, name=f"bias_{number}", data=biases.data + np.int32(bias))
        extent = [-(-n // stride) for n in (height, width)]
        # a large bias must not saturate every output: a filter whose output cannot vary loses its weights
        scale = 0.05 * max(abs(bias) / 80 * max(weight.quantization.scales), 1)
        output = _cases.activation(f"output_{number}", (1, *extent, channels), scale, (4, -128)[number % 2])
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
        options["fused_activation_function"] = ("NONE", "RELU")[number % 2]
        first = len(tensors)
        tensors += [weight, biases, output]
        nodes.append(Node("depthwise_conv_2d", (at, first, first + 1), (first + 2,), options, f"layer_{number}", 3))
        at = first + 2
    return Graph("chain", tuple(tensors), tuple(nodes), (0,), (at,))


@pytest.mark.parametrize(("core", "variant"), WITH_SMALL)
def test_depthwise_layers_of_all_strides_share_a_function(core, variant, tmp_path):
    graph = strided((1, 2, 1, 3))
    kernel = kernels.find(f"depthwise_conv_2d_{variant}")
    calls = [kernel.context(node, graph) for node in graph.nodes]
    rows = [kernels.part(node, graph, 1, 2) for node in graph.nodes]
    shapes = {str(dict(c.shape)) for c in calls + [kernel.context(part.node, part.graph) for part in rows]}
    assert len(shapes) == 1
    # a layer alone gets no filter loop for the others' strides
    alone = strided((2,))
    assert kernel.context(alone.nodes[0], alone).shape["columns"] == 1 << 2
    entry = bench.entry(graph, "chain", inputs_of(graph), (kernel,) * len(graph.nodes))
    (found,) = bench.run_on_core([entry], tmp_path, load.load(core))
    np.testing.assert_array_equal(found, oracles.find("numpy").run(b"", graph, entry.inputs))


@pytest.mark.parametrize(("core", "variant"), WITH_SMALL)
def test_biases_beside_the_last_tap(core, variant, tmp_path):
    """Nine, 25 and 49 taps leave one in their last word, 4 and 16 none; the bias has 24 bits wherever it lies."""
    graphs = [strided((1,), kernel, 3, bias) for kernel in (2, 3, 4, 5, 7) for bias in (-8_000_000, -1, 8_000_000)]
    kept = [_thumb_depthwise.filters(g.nodes[0], g).weights.any() for g in graphs]
    assert all(kept[3:]), kept  # the sums of two by two taps hardly vary beside a bias of eight million
    assert check(graphs, kernels.find(f"depthwise_conv_2d_{variant}"), core, tmp_path) == len(graphs)
