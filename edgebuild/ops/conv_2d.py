"""CONV_2D: int8 convolution with per-channel or per-tensor weights, SAME or VALID, dilation, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Cost, Kernel, Operator, Portable, Rows, TensorType, _cases, _rules
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window


def whole_groups(node: Node, graph: Graph) -> bool:
    """Input and output channels must be whole multiples of the groups.

    Check the model: its convolution weights do not match its input.
    """
    filters, channels = graph.tensor(node, 1).shape[0], graph.tensor(node, 0).shape[3]
    depth = graph.tensor(node, 1).shape[3]
    return channels % depth == 0 and filters % (channels // depth) == 0


class Conv2D(Operator):
    """Weights are ``(filters, kernel_height, kernel_width, channels / groups)``, as in TFLite."""

    tflite = "CONV_2D"
    versions = range(1, 9)
    rules = (
        _rules.int8_activations,
        _rules.one_batch,
        _rules.four_dimensions,
        _rules.int8_weights,
        _rules.int32_bias,
        _rules.known_activation,
        whole_groups,
    )

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "conv_2d/portable.c.j2"),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        window = _window(node, graph)
        return (TensorType((1, *window.output, graph.tensor(node, 1).shape[0]), graph.tensor(node, 0).dtype),)

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
        filters, depth = weight.shape[0], weight.shape[3]
        groups = image.shape[3] // depth
        each = filters // groups
        accumulated = np.concatenate(
            [
                np.tensordot(
                    # float64 holds every sum of int8 products below 2^53 exactly, and is fast
                    patches[..., g * depth : (g + 1) * depth].astype(np.float64),
                    weight[g * each : (g + 1) * each].astype(np.float64),
                    axes=([2, 3, 4], [1, 2, 3]),
                )
                for g in range(groups)
            ],
            axis=-1,
        ).astype(np.int64)
        if bias is not None:
            accumulated = accumulated + bias
        return (Requantization.of(node, graph, filters).apply(accumulated)[None],)

    def cost(self, node: Node, graph: Graph) -> Cost:
        elements, (_, height, width, depth) = graph.output(node).elements, graph.tensor(node, 1).shape
        taps = elements * height * width
        return Cost(macs=taps * depth, elements=elements, reads=taps)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        return _window(node, graph).rows(graph.tensor(node, 0).shape[3], graph.output(node).shape[3])

    def cases(self) -> Iterator[Case]:
        def case(
            name: str, height: int, width: int, channels: int, filters: int, kernel: tuple[int, int], **more: Any
        ) -> Case:
            random = _cases.random(name)
            zero_in, zero_out = more.pop("zero_points", (3, -7))
            groups, with_bias = more.pop("groups", 1), more.pop("bias", True)
            low, per_channel = more.pop("low", -127), more.pop("per_channel", True)
            out_scale = more.pop("output_scale", 0.3)
            zeros, levels = more.pop("zeros", 0.0), more.pop("levels", 256)
            image = _cases.activation("input", (1, height, width, channels), 0.05, zero_in)
            weight = _cases.weights(random, (filters, *kernel, channels // groups), 0, per_channel, low)
            weight = _cases.pruned(random, weight, 4, zeros) if zeros else weight
            weight = _cases.coarse(weight) if levels == 16 else weight
            weight = _cases.few(weight) if levels == 4 else weight
            options = {
                "padding": "SAME",
                "stride_h": 1,
                "stride_w": 1,
                "dilation_h_factor": 1,
                "dilation_w_factor": 1,
                "fused_activation_function": "NONE",
                **more,
            }
            bias = (_cases.bias(random, weight, 0.05, filters),) if with_bias else ()
            d = (options["dilation_h_factor"], options["dilation_w_factor"])
            s = (options["stride_h"], options["stride_w"])
            size = [
                arithmetic.output_extent(options["padding"], n, k, s[i], d[i])
                for i, (n, k) in enumerate(zip((height, width), kernel, strict=True))
            ]
            output = _cases.activation("output", (1, *size, filters), out_scale, zero_out)
            return Case(name, _cases.graph("conv_2d", (image, weight, *bias), output, options, 3))

        yield case("odd channels, stride 2, asymmetric SAME", 7, 6, 5, 3, (3, 3), stride_h=2, stride_w=2)
        yield case("1x1", 5, 4, 8, 6, (1, 1), fused_activation_function="RELU")
        yield case("no bias, VALID, 1xN kernel", 4, 9, 3, 4, (1, 5), padding="VALID", bias=False)
        yield case(
            "dilation 2, RELU6",
            9,
            9,
            4,
            4,
            (3, 3),
            dilation_h_factor=2,
            dilation_w_factor=2,
            fused_activation_function="RELU6",
            zero_points=(-128, -128),
        )
        yield case("per-tensor weights with -128", 6, 5, 4, 5, (3, 2), per_channel=False, low=-128)
        yield case("W = 1 time series, stride 3", 16, 1, 6, 7, (5, 1), stride_h=3)
        yield case("5x5, saturating", 6, 6, 3, 4, (5, 5), output_scale=0.002)
        yield case("groups", 5, 5, 6, 4, (3, 3), groups=2)
        yield case("left shift", 4, 4, 2, 3, (1, 1), output_scale=0.0001)
        relu = {"fused_activation_function": "RELU", "zero_points": (-128, -128)}
        yield case("1x1, pruned in blocks", 3, 5, 64, 8, (1, 1), zeros=0.75, **relu)
        yield case("3x3, pruned in blocks", 4, 4, 16, 8, (3, 3), zeros=0.75, **relu)
        yield case("sixteen levels", 3, 5, 64, 8, (1, 1), levels=16, **relu)
        yield case("four values", 3, 5, 64, 8, (1, 1), levels=4, **relu)
        yield case("fifteen levels, pruned in blocks", 3, 5, 64, 8, (1, 1), levels=16, low=-112, zeros=0.75, **relu)
        yield case("kernel larger than the image", 2, 2, 3, 3, (5, 5))
        yield case("whole vectors of channels", 5, 6, 16, 6, (3, 3), fused_activation_function="RELU")


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct: geometry, zero points, clamp limits and requantization."""
    weight, bias = graph.tensor(node, 1), graph.optional(node, 2)
    source = graph.tensor(node, 0)
    assert weight.data is not None
    requantization = Requantization.of(node, graph, weight.shape[0])
    window = _window(node, graph)
    channels, depth, filters = source.shape[3], weight.shape[3], weight.shape[0]
    return Call(
        operands=(node.inputs[0],),
        scalars={
            **window.scalars(),
            "dilation_height": window.dilation[0],
            "dilation_width": window.dilation[1],
            "input_channels": channels,
            "group_channels": depth,
            "output_channels": filters,
            "filters_per_group": filters * depth // channels,
            "input_zero_point": source.zero_point,
            **requantization.scalars(),
        },
        arrays={
            "weights": weight.data,
            "bias": bias_or_zeros(bias.data if bias else None, filters),
            **requantization.arrays(),
        },
    )


def _window(node: Node, graph: Graph) -> Window:
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))
