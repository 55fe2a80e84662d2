"""Segments as C: networks made to be streamed give the same bytes, on an arena of exactly the planned size."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import kernels, ops, oracles, planner
from edgebuild.codegen.project import generate
from edgebuild.errors import UnsupportedError
from edgebuild.ir.arithmetic import output_extent
from edgebuild.ir.graph import Graph, Node
from edgebuild.target import load
from tests.codegen import bench
from tests.passes.test_rewrites import Network

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def spatial(net: Network, op: str, kernel: int, stride: int, filters: int, *, same: bool, dilation: int = 1) -> None:
    """A convolution or pool with stride and dilation, behind the last layer."""
    _, height, width, channels = net.tensors[net.last].shape
    padding = "SAME" if same else "VALID"
    size = [output_extent(padding, n, kernel, stride, dilation) for n in (height, width)]
    if min(size) < 1:
        return
    if op.endswith("pool_2d"):
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "filter_height": kernel}
        options |= {"filter_width": kernel, "fused_activation_function": "NONE"}
        net.add(op, (), (1, *size, channels), options, net.tensors[net.last].zero_point)
        return
    depthwise = op == "depthwise_conv_2d"
    filters = channels if depthwise else filters
    shape = (1, kernel, kernel, channels) if depthwise else (filters, kernel, kernel, channels)
    scales = net.scales(filters, [])
    options = {"padding": padding, "stride_h": stride, "stride_w": stride, "fused_activation_function": "RELU"}
    options |= {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    if depthwise:
        options["depth_multiplier"] = 1
    weights = net.random.integers(-127, 128, shape).astype(np.int8)
    bias = net.random.integers(-900, 900, filters).astype(np.int32)
    inputs = (
        net.constant("weights", weights, scales, 3 if depthwise else 0),
        net.constant("bias", bias, scales * np.float32(0.05)),
    )
    net.add(op, inputs, (1, *size, filters), options, -7)


@st.composite
def networks(draw) -> Graph:
    shape = (1, draw(st.integers(4, 12)), draw(st.integers(1, 7)), draw(st.integers(1, 5)))
    net = Network(draw(st.integers(0, 9999)), shape)
    for _ in range(draw(st.integers(2, 5))):
        op = draw(st.sampled_from(["conv_2d", "conv_2d", "depthwise_conv_2d", "max_pool_2d", "average_pool_2d"]))
        before = net.last
        spatial(
            net,
            op,
            draw(st.integers(1, 4)),
            draw(st.integers(1, 3)),
            draw(st.integers(1, 6)),
            same=draw(st.booleans()),
            dilation=1 if op.endswith("pool_2d") else draw(st.sampled_from([1, 1, 2])),
        )
        if net.tensors[before].shape == net.tensors[net.last].shape and draw(st.booleans()):
            shape = net.tensors[before].shape
            net.tensors.append(net.activation("sum", shape, 5))
            options = {"fused_activation_function": "NONE"}
            net.nodes.append(Node("add", (before, net.last), (len(net.tensors) - 1,), options, "sum", 2))
            net.last = len(net.tensors) - 1
    if draw(st.booleans()):
        _, height, width, channels = net.tensors[net.last].shape
        options = {"padding": "VALID", "stride_h": height, "stride_w": width, "filter_height": height}
        options |= {"filter_width": width, "fused_activation_function": "NONE"}
        net.add("average_pool_2d", (), (1, 1, 1, channels), options, net.tensors[net.last].zero_point)
    return net.graph()


def streamed_examples(count: int) -> list[Graph]:
    """Random networks whose least plan has a segment, without repetition."""
    found: list[Graph] = []

    @settings(max_examples=40 * count, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(networks())
    def collect(graph: Graph) -> None:
        if planner.plan(graph, kernels.select(graph, frozenset()), "least").segments:
            found.append(graph)
        if len(found) >= count:
            raise _Enough

    with contextlib.suppress(_Enough):
        collect()
    return found


class _Enough(Exception):
    """Ends the search."""


def entries(graphs: list[Graph], features: frozenset[str], *, pushed: bool = False) -> list[bench.Entry]:
    made = []
    for number, graph in enumerate(graphs):
        named = Graph(f"net_{number}", graph.tensors, graph.nodes, graph.inputs, graph.outputs)
        selection = kernels.select(named, features)
        plan = planner.plan(named, selection, "least", pushed=pushed)
        random = np.random.default_rng(number)
        rows = random.integers(0, 256, (3, named.tensors[0].bytes)).astype(np.uint8)
        made.append(bench.Entry(generate(named, plan, selection), rows))
    return made


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return streamed_examples(60)


def test_streams_give_the_same_bytes(graphs, tmp_path):
    assert len(graphs) >= 30
    made = entries(graphs, frozenset())
    found = bench.run(made, tmp_path, SANITIZERS)
    numpy = oracles.find("numpy")
    wrong = [
        n
        for n, (g, e, o) in enumerate(zip(graphs, made, found, strict=True))
        if not np.array_equal(o, numpy.run(b"", g, e.inputs))
    ]
    assert wrong == []


@pytest.mark.qemu
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_streams_of_each_cores_kernels_give_the_same_bytes(core, graphs, tmp_path):
    profile = load.load(core)
    made = entries(graphs[:40], profile.cpu.features)
    found = bench.run_on_core(made, tmp_path, profile)
    numpy = oracles.find("numpy")
    wrong = [
        n
        for n, (g, e, o) in enumerate(zip(graphs, made, found, strict=False))
        if not np.array_equal(o, numpy.run(b"", g, e.inputs))
    ]
    assert wrong == []


def test_pushed_rows_give_the_same_bytes(graphs, tmp_path):
    made = entries(graphs, frozenset(), pushed=True)
    assert all(
        one.sources.interface.pushed == g.tensors[g.inputs[0]].shape[1] for one, g in zip(made, graphs, strict=True)
    )
    found = bench.run(made, tmp_path, SANITIZERS)
    numpy = oracles.find("numpy")
    for graph, one, outputs in zip(graphs, made, found, strict=True):
        np.testing.assert_array_equal(outputs, numpy.run(b"", graph, one.inputs))


@pytest.mark.qemu
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_pushed_rows_on_each_core_give_the_same_bytes(core, graphs, tmp_path):
    profile = load.load(core)
    made = entries(graphs[:20], profile.cpu.features, pushed=True)
    found = bench.run_on_core(made, tmp_path, profile)
    numpy = oracles.find("numpy")
    for graph, one, outputs in zip(graphs, made, found, strict=False):
        np.testing.assert_array_equal(outputs, numpy.run(b"", graph, one.inputs))


@pytest.mark.parametrize("op", ["fully_connected", "reshape"])
def test_an_input_without_rows_cannot_be_pushed(op):
    for case in ops.find(op).cases():
        with pytest.raises(UnsupportedError, match="cannot be pushed"):
            planner.plan(case.graph, kernels.select(case.graph, frozenset()), pushed=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=networks())
def test_a_ring_one_row_shorter_would_lose_a_row(graph):
    """The rings hold exactly what is needed: each is full at some step of the stream."""
    plan = planner.plan(graph, kernels.select(graph, frozenset()), "least")
    for segment in plan.segments:
        ends = {}
        for step in segment.steps:
            if hasattr(step, "destination") and step.destination[0] in segment.rings:
                tensor, offset = step.destination
                row = graph.tensors[tensor].bytes // graph.tensors[tensor].shape[1]
                ends[tensor] = max(ends.get(tensor, 0), offset + step.count * row)
        order = sorted(segment.rings, key=segment.rings.__getitem__)
        following = [*(segment.rings[t] for t in order[1:]), segment.sums or segment.kernel_scratch]
        if segment.sums is not None:
            following[-1] = segment.sums
        for tensor, end in zip(order, following, strict=True):
            assert 0 <= end - segment.rings[tensor] - ends[tensor] < 4
