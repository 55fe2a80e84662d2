"""Layers with zeros in their weights: what the tests of the sparse kernels run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from edgebuild import kernels, oracles
from edgebuild.ir.graph import Graph, Tensor
from edgebuild.ir.types import Quantization
from edgebuild.ops import _cases
from edgebuild.target import load
from tests.codegen import bench
from tests.kernels.test_dsp import ACTIVATIONS, OUTPUT_SCALES, ZERO_POINTS, windowed
from tests.ops.test_every_operator import inputs_of

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55")
WORDS = ("sparse", "int4", "clusters")
BLOCKS = ((2, 4), (2, 4), (4, 4), (8, 4), (1, 4), (1, 1))


def sparse_kernels(graph: Graph, core: str) -> list[kernels.Kernel]:
    """Kernels for pruned or narrow weights that say they are exact."""
    (node,) = graph.nodes
    found = kernels.candidates(node, graph, load.load(core).cpu.features)
    return [k for k in found if any(word in k.template for word in WORDS)]


def wrong(graphs: list[Graph], folder, core: str, flags: tuple[str, ...] = ("-O2",)) -> list[str]:
    """What they computed wrong on the core."""
    tried = [(graph, kernel) for graph in graphs for kernel in sparse_kernels(graph, core)]
    if not tried:
        return []
    entries = [bench.entry(g, f"case_{i}", inputs_of(g), (k,)) for i, (g, k) in enumerate(tried)]
    found = bench.run_on_core(entries, folder, load.load(core), flags)
    numpy = oracles.find("numpy")
    return [
        f"{kernel.template} {dict(kernel.context(graph.nodes[0], graph).shape)} {graph.nodes[0].options} "
        f"{[t.shape for t in graph.tensors]}"
        for (graph, kernel), entry, outputs in zip(tried, entries, found, strict=True)
        if not np.array_equal(outputs, numpy.run(b"", graph, entry.inputs))
    ]


def pruned(random: np.random.Generator, data: np.ndarray, block: tuple[int, int], share: float) -> np.ndarray:
    """``data`` ``(outputs, …, inputs)`` with ``share`` of its blocks zeroed; the last ones may be cut."""
    flat = data.reshape(len(data), -1, data.shape[-1])
    counts = [-(-n // size) for n, size in zip((len(flat), flat.shape[2]), block, strict=True)]
    keep = random.random((counts[0], flat.shape[1], counts[1])) >= share
    spread = np.repeat(np.repeat(keep, block[0], 0), block[1], 2)[: len(flat), :, : flat.shape[2]]
    return (flat * spread).reshape(data.shape).astype(np.int8)


def levels(random: np.random.Generator, shape: tuple[int, ...], low: int, step: int) -> np.ndarray:
    """int8 weights that are ``step`` times an integer from ``low`` to 7."""
    return (random.integers(low, 8, shape) * step).astype(np.int8)


def with_weights(graph: Graph, data: np.ndarray) -> Graph:
    """``graph`` with other weights."""
    index = graph.nodes[0].inputs[1]
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], data=data)
    return replace(graph, tensors=tuple(tensors))


def weights_of(graph: Graph) -> np.ndarray:
    data = graph.tensor(graph.nodes[0], 1).data
    assert data is not None
    return data


def conv(
    size: tuple[int, int],
    kernel: tuple[int, int],
    channels: int,
    filters: int,
    change: Callable[[np.random.Generator, np.ndarray], np.ndarray] = lambda random, data: data,
    *,
    activation: str = "RELU",
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    zero_points: tuple[int, int] = (-7, -128),
    low: int = -127,
    seed: int = 1,
) -> Graph:
    """A convolution whose random weights ``change`` was applied to."""
    from edgebuild.ir import arithmetic

    random = np.random.default_rng(seed)
    weight = _cases.weights(random, (filters, *kernel, channels), 0, True, low)
    assert weight.data is not None
    weight = replace(weight, data=change(random, weight.data).astype(np.int8))
    options = {"padding": padding, "fused_activation_function": activation}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1, "stride_h": stride[0], "stride_w": stride[1]}
    extents = [arithmetic.output_extent(padding, n, k, s) for n, k, s in zip(size, kernel, stride, strict=True)]
    source = _cases.activation("input", (1, *size, channels), 0.05, zero_points[0])
    output = _cases.activation("output", (1, *extents, filters), 0.3, zero_points[1])
    return _cases.graph("conv_2d", (source, weight, _cases.bias(random, weight, 0.05, filters)), output, options, 3)


def dense(
    rows: int,
    features: int,
    units: int,
    change: Callable[[np.random.Generator, np.ndarray], np.ndarray] = lambda random, data: data,
    *,
    activation: str = "RELU",
    per_channel: bool = False,
    zero_points: tuple[int, int] = (-7, -128),
    low: int = -127,
    seed: int = 1,
) -> Graph:
    """A fully connected layer whose random weights ``change`` was applied to."""
    random = np.random.default_rng(seed)
    weight = _cases.weights(random, (units, features), 0, per_channel, low)
    assert weight.data is not None
    weight = replace(weight, data=change(random, weight.data).astype(np.int8))
    options = {"fused_activation_function": activation, "weights_format": 0}
    options |= {"keep_num_dims": False, "asymmetric_quantize_inputs": False}
    source = _cases.activation("input", (rows, features), 0.04, zero_points[0])
    output = _cases.activation("output", (rows, units), 0.4, zero_points[1])
    bias = _cases.bias(random, weight, 0.04, units)
    return _cases.graph("fully_connected", (source, weight, bias), output, options, 4)


@st.composite
def values(draw, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of some pattern and share of zeros."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["any", "any", "levels", "steps", "few"]))
    if kind == "steps":
        step = random.integers(1, 17, (shape[0],) + (1,) * (len(shape) - 1))
        data = random.integers(-8, 8, shape) * step
    elif kind == "few":
        data = random.choice(random.integers(-128, 128, draw(st.sampled_from([1, 2, 4, 7, 15]))), shape)
    elif kind == "levels":
        step = draw(st.sampled_from([1, 1, 3, 16]))
        data = levels(random, shape, draw(st.sampled_from([-8, -7])) if step < 16 else -8, step)
    else:
        data = random.integers(draw(st.sampled_from([-127, -127, -128, 0])), 128, shape)
    return pruned(random, data, draw(st.sampled_from(BLOCKS)), draw(st.sampled_from([0.0, 0.3, 0.6, 0.75, 0.95, 1.0])))


def _constant(draw, data: np.ndarray, per_channel: bool) -> Tensor:
    channels = len(data) if per_channel else 1
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([1e-5, 0.003, 0.01, 0.2]))
    scales = tuple(float(s) for s in (scale * random.uniform(0.3, 3.0, channels)).astype(np.float32))
    return _cases.constant("weights", data, Quantization(scales, (0,) * channels, 0))


@st.composite
def convolutions(draw) -> Graph:
    size = (draw(st.integers(1, 7)), draw(st.integers(1, 9)))
    kernel = (draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2, 3, 5])))
    options, extents = windowed(draw, size, kernel)
    channels = draw(st.sampled_from([1, 3, 4, 8, 8, 12, 13, 16, 24, 32, 48, 64]))
    filters = draw(st.integers(1, 17))
    weight = _constant(draw, draw(values((filters, *kernel, channels))), draw(st.booleans()))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    bias = _cases.bias(random, weight, 0.05, filters, draw(st.sampled_from([1, 4000, 4000, 10**6])))
    source = _cases.activation("input", (1, *size, channels), 0.05, draw(ZERO_POINTS))
    output = _cases.activation("output", (1, *extents, filters), draw(OUTPUT_SCALES), draw(ZERO_POINTS))
    return _cases.graph("conv_2d", (source, weight, bias), output, options, 3)


@st.composite
def dense_layers(draw) -> Graph:
    rows, features, units = draw(st.integers(1, 3)), draw(st.integers(1, 150)), draw(st.integers(1, 37))
    weight = _constant(draw, draw(values((units, features))), draw(st.booleans()))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    bias = _cases.bias(random, weight, 0.04, units) if draw(st.booleans()) else None
    options = {"fused_activation_function": draw(ACTIVATIONS), "weights_format": 0}
    options |= {"keep_num_dims": False, "asymmetric_quantize_inputs": False}
    source = _cases.activation("input", (rows, features), 0.04, draw(ZERO_POINTS))
    output = _cases.activation("output", (rows, units), draw(OUTPUT_SCALES), draw(ZERO_POINTS))
    return _cases.graph("fully_connected", (source, weight, bias), output, options, 4)
