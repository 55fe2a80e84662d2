"""What passes do to networks made for them: channels that cannot vary, channels nobody uses, padding written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import frontends, ops, oracles, passes
from edgebuild.ir.arithmetic import output_extent
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from edgebuild.ir.verify import verify
from tests.write_tflite import write

CONVOLUTION = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}


class Network:
    """A chain that is put together layer by layer."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors = [self.activation("input", shape, 0)]
        self.nodes: list[Node] = []
        self.last = 0

    def activation(self, name: str, shape: tuple[int, ...], zero_point: int) -> Tensor:
        return Tensor(name, shape, DType.INT8, Quantization((float(np.float32(0.05)),), (zero_point,)))

    def constant(self, name: str, data: np.ndarray, scales: np.ndarray | None = None, axis: int = 0) -> int:
        quantization = None
        if scales is not None:
            quantization = Quantization(tuple(float(s) for s in scales.astype(np.float32)), (0,) * len(scales), axis)
        self.tensors.append(Tensor(name, data.shape, DType(data.dtype.name), quantization, data))
        return len(self.tensors) - 1

    def add(self, op: str, inputs: tuple[int, ...], shape: tuple[int, ...], options: dict, zero_point: int) -> None:
        self.tensors.append(self.activation(f"{op}_{len(self.nodes)}", shape, zero_point))
        output = len(self.tensors) - 1
        self.nodes.append(Node(op, (self.last, *inputs), (output,), options, f"{op}_{len(self.nodes)}", 3))
        self.last = output

    def scales(self, channels: int, dead: list[int]) -> np.ndarray:
        """Channels in ``dead`` get scales so small that only the bias can show."""
        scales = self.random.uniform(0.002, 0.02, channels)
        scales[dead] = 1e-12
        return scales

    def convolve(self, op: str, filters: int, kernel: int, dead: list[int], *, same: bool, zero_point: int) -> None:
        _, height, width, channels = self.tensors[self.last].shape
        depthwise = op == "depthwise_conv_2d"
        filters = channels if depthwise else filters
        shape = (1, kernel, kernel, channels) if depthwise else (filters, kernel, kernel, channels)
        scales = self.scales(filters, [d for d in dead if d < filters])
        weights = self.random.integers(-127, 128, shape).astype(np.int8)
        unused = self.random.random(channels) < 0.1
        if not depthwise:
            weights[..., unused] = 0
        padding = "SAME" if same else "VALID"
        size = [output_extent(padding, n, kernel, 1) for n in (height, width)]
        options = {**CONVOLUTION, "padding": padding, "fused_activation_function": "RELU"}
        if depthwise:
            options["depth_multiplier"] = 1
        bias = self.random.integers(-2000, 2000, filters).astype(np.int32)
        inputs = (
            self.constant("weights", weights, scales, 3 if depthwise else 0),
            self.constant("bias", bias, scales * np.float32(0.05)),
        )
        self.add(op, inputs, (1, *size, filters), options, zero_point)

    def graph(self) -> Graph:
        made = Graph("net", tuple(self.tensors), tuple(self.nodes), (0,), (self.last,))
        verify(made)
        return made


@st.composite
def networks(draw) -> Graph:
    net = Network(draw(st.integers(0, 10_000)), (1, draw(st.integers(3, 6)), draw(st.integers(3, 6)), 5))
    for _ in range(draw(st.integers(2, 4))):
        dead = draw(st.lists(st.integers(0, 11), max_size=6, unique=True))
        op = draw(st.sampled_from(["conv_2d", "depthwise_conv_2d"]))
        kernel = draw(st.sampled_from([1, 3]))
        net.convolve(op, 12, kernel, dead, same=True, zero_point=draw(st.sampled_from([-128, -3])))
    if draw(st.booleans()):
        _, height, width, channels = net.tensors[net.last].shape
        options = {"padding": "VALID", "stride_h": height, "stride_w": width, "filter_height": height}
        options |= {"filter_width": width, "fused_activation_function": "NONE"}
        zero_point = net.tensors[net.last].zero_point
        net.add("average_pool_2d", (), (1, 1, 1, channels), options, zero_point)
    net.convolve("conv_2d", 6, 1, [], same=True, zero_point=4)
    return net.graph()


@settings(max_examples=80, deadline=None)
@given(graph=networks(), seed=st.integers(0, 1000))
def test_dropping_channels_keeps_every_byte(graph, seed):
    rewritten = passes.find("remove_unused").run(passes.find("drop_channels").run(graph))
    verify(rewritten)
    for node in rewritten.nodes:
        assert ops.find(node.op).output(node, rewritten)[0].shape == rewritten.output(node).shape
    random = np.random.default_rng(seed)
    rows = random.integers(0, 256, (4, graph.tensors[0].bytes)).astype(np.uint8)
    rows[0], rows[1] = 128, 127
    np.testing.assert_array_equal(
        oracles.find("numpy").run(b"", rewritten, rows), oracles.find("tflm").run(write(graph), graph, rows)
    )


def test_it_drops_what_it_can():
    """Half of the channels are constant behind a ReLU: the next layer needs half of its inputs."""
    net = Network(1, (1, 4, 4, 8))
    net.convolve("conv_2d", 12, 1, list(range(6)), same=True, zero_point=-128)
    net.convolve("depthwise_conv_2d", 0, 3, [6, 7], same=True, zero_point=-128)
    net.convolve("conv_2d", 6, 1, [], same=True, zero_point=3)
    rewritten = passes.find("drop_channels").run(net.graph())
    shapes = [rewritten.output(n).shape[3] for n in rewritten.nodes]
    assert shapes[0] == shapes[1] <= 6 and shapes[2] == 6


@pytest.mark.parametrize("op", ["conv_2d", "depthwise_conv_2d"])
@pytest.mark.parametrize("paddings", [((0, 1), (0, 1)), ((2, 1), (0, 3)), ((1, 1), (1, 1))])
def test_a_pad_is_taken_over(op, paddings):
    net = Network(2, (1, 5, 6, 4))
    zero_point = net.tensors[0].zero_point
    rows, columns = paddings
    amounts = np.array([(0, 0), rows, columns, (0, 0)], np.int32)
    net.add("pad", (net.constant("paddings", amounts),), (1, 5 + sum(rows), 6 + sum(columns), 4), {}, zero_point)
    net.convolve(op, 5, 3, [], same=False, zero_point=-128)
    graph = net.graph()
    graph = replace(graph, nodes=tuple(replace(n, version=2) if n.op == "pad" else n for n in graph.nodes))
    rewritten = passes.find("remove_unused").run(passes.find("fold_pad").run(graph))
    verify(rewritten)
    assert [n.op for n in rewritten.nodes] == [op]
    inputs = np.random.default_rng(3).integers(0, 256, (5, graph.tensors[0].bytes)).astype(np.uint8)
    np.testing.assert_array_equal(
        oracles.find("numpy").run(b"", rewritten, inputs), oracles.find("tflm").run(write(graph), graph, inputs)
    )


def test_it_reads_what_it_wrote():
    graph = Network(5, (1, 3, 3, 5))
    graph.convolve("conv_2d", 6, 3, [1], same=True, zero_point=-7)
    assert frontends.find("tflite").read(write(graph.graph()), "net", "net.tflite").nodes[0].op == "conv_2d"
