"""DEPTHWISE_CONV_2D: int8, one filter per channel (or several: the depth multiplier)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Cost, Kernel, Operator, Portable, Rows, TensorType, _cases, _rules
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window


def whole_depth_multiplier(node: Node, graph: Graph) -> bool:
    """Output channels must be a whole multiple of the input channels, and match the weights.

    Check the model: its depthwise weights do not match its input.
    """
    channels, outputs = graph.tensor(node, 0).shape[3], graph.tensor(node, 1).shape[3]
    return outputs % channels == 0 and graph.tensor(node, 1).shape[0] == 1


def bias_present(node: Node, graph: Graph) -> bool:
    """The bias must be present.

    Convert again: TFLite's own runtimes crash or refuse without it.
    """
    return graph.optional(node, 2) is not None


class DepthwiseConv2D(Operator):
    """Weights are ``(1, kernel_height, kernel_width, channels * depth_multiplier)``, as in TFLite."""

    tflite = "DEPTHWISE_CONV_2D"
    versions = range(1, 8)
    rules = (
        _rules.int8_activations,
        _rules.one_batch,
        _rules.four_dimensions,
        _rules.int8_weights,
        bias_present,
        _rules.int32_bias,
        _rules.known_activation,
        whole_depth_multiplier,
    )

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "depthwise_conv_2d/portable.c.j2"),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        window = _window(node, graph)
        return (TensorType((1, *window.output, graph.tensor(node, 1).shape[3]), graph.tensor(node, 0).dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        image, weight, bias = (*inputs, None)[:3]
        assert image is not None and weight is not None
        window = _window(node, graph)
        patches = arithmetic.windows(
            image[0].astype(np.int64) - graph.tensor(node, 0).zero_point,
            0,
            window.kernel,
            window.stride,
            window.before,
            window.output,
            window.dilation,
        )
        outputs = weight.shape[3]
        repeated = np.repeat(patches, outputs // image.shape[3], axis=-1)
        accumulated = np.einsum("yxijc,ijc->yxc", repeated, weight[0].astype(np.int64))
        if bias is not None:
            accumulated = accumulated + bias
        return (Requantization.of(node, graph, outputs).apply(accumulated)[None],)

    def cost(self, node: Node, graph: Graph) -> Cost:
        elements = graph.output(node).elements
        _, height, width, _ = graph.tensor(node, 1).shape
        return Cost(macs=elements * height * width, elements=elements, reads=elements * height * width)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        return _window(node, graph).rows(graph.tensor(node, 0).shape[3], graph.output(node).shape[3])

    def cases(self) -> Iterator[Case]:
        def case(
            name: str, height: int, width: int, channels: int, multiplier: int, kernel: tuple[int, int], **more: Any
        ) -> Case:
            random = _cases.random(name)
            zero_in, zero_out = more.pop("zero_points", (-5, 12))
            low, per_channel = more.pop("low", -127), more.pop("per_channel", True)
            outputs = channels * multiplier
            image = _cases.activation("input", (1, height, width, channels), 0.05, zero_in)
            weight = _cases.weights(random, (1, *kernel, outputs), 3, per_channel, low)
            options = {
                "padding": "SAME",
                "stride_h": 1,
                "stride_w": 1,
                "depth_multiplier": multiplier,
                "dilation_h_factor": 1,
                "dilation_w_factor": 1,
                "fused_activation_function": "NONE",
                **more,
            }
            bias = _cases.bias(random, weight, 0.05, outputs)
            size = [
                arithmetic.output_extent(
                    options["padding"], n, k, options[f"stride_{a}"], options[f"dilation_{a}_factor"]
                )
                for a, n, k in zip("hw", (height, width), kernel, strict=True)
            ]
            output = _cases.activation("output", (1, *size, outputs), 0.08, zero_out)
            return Case(name, _cases.graph("depthwise_conv_2d", (image, weight, bias), output, options, 3))

        yield case("3x3, odd channels, stride 2", 8, 7, 5, 1, (3, 3), stride_h=2, stride_w=2)
        yield case("depth multiplier 3", 5, 5, 3, 3, (3, 3), fused_activation_function="RELU")
        yield case("9x1 time series", 20, 1, 8, 1, (9, 1), zero_points=(-128, -128))
        yield case("VALID, RELU6", 6, 6, 4, 1, (3, 3), padding="VALID", fused_activation_function="RELU6")
        yield case("dilation", 9, 8, 4, 1, (3, 3), dilation_h_factor=2, dilation_w_factor=3)
        yield case("one channel, multiplier 8, as a first layer", 10, 8, 1, 8, (5, 4), stride_h=2, stride_w=2)
        yield case("weights of -128", 4, 4, 6, 1, (2, 2), low=-128, per_channel=False)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    weight, bias, source = graph.tensor(node, 1), graph.optional(node, 2), graph.tensor(node, 0)
    assert weight.data is not None
    outputs = weight.shape[3]
    requantization = Requantization.of(node, graph, outputs)
    window = _window(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            **window.scalars(),
            "dilation_height": window.dilation[0],
            "dilation_width": window.dilation[1],
            "input_channels": source.shape[3],
            "depth_multiplier": outputs // source.shape[3],
            "input_zero_point": source.zero_point,
            **requantization.scalars(),
        },
        arrays={
            "weights": weight.data,
            "bias": bias_or_zeros(bias.data if bias else None, outputs),
            **requantization.arrays(),
        },
    )


def _window(node: Node, graph: Graph) -> Window:
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))
