"""FULLY_CONNECTED: int8, per-tensor or per-channel weights, one or several rows of input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Cost, Kernel, Operator, Portable, TensorType, _cases, _rules
from edgebuild.ops._requantization import Requantization, bias_or_zeros


def plain_weights_format(node: Node, graph: Graph) -> bool:
    """The weights format must be DEFAULT.

    Convert without shuffled weights.
    """
    return node.options.get("weights_format", 0) in (0, "DEFAULT")


def whole_rows(node: Node, graph: Graph) -> bool:
    """The input must be whole rows as long as a row of weights.

    Check the model: its dense weights do not match its input.
    """
    return graph.tensor(node, 0).elements % graph.tensor(node, 1).shape[-1] == 0


class FullyConnected(Operator):
    """Weights are ``(units, features)``; the input is flattened to rows of ``features``."""

    tflite = "FULLY_CONNECTED"
    versions = range(1, 14)
    rules = (
        _rules.int8_activations,
        _rules.int8_weights,
        _rules.int32_bias,
        _rules.known_activation,
        plain_weights_format,
        whole_rows,
    )

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (
            Portable(one_scale_context, "fully_connected/one_scale.c.j2", exact_when=one_scale),
            Portable(context, "fully_connected/portable.c.j2"),
        )

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source, (units, features) = graph.tensor(node, 0), graph.tensor(node, 1).shape
        leading = source.shape[:-1] if node.options.get("keep_num_dims") else (source.elements // features,)
        return (TensorType((*leading, units), source.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        source, weight, bias = (*inputs, None)[:3]
        assert source is not None and weight is not None
        rows = source.reshape(-1, weight.shape[1]).astype(np.int64) - graph.tensor(node, 0).zero_point
        accumulated = rows @ weight.T.astype(np.int64)
        if bias is not None:
            accumulated = accumulated + bias
        result = _requantization(node, graph).apply(accumulated)
        return (result.reshape(graph.output(node).shape),)

    def cost(self, node: Node, graph: Graph) -> Cost:
        elements = graph.output(node).elements
        return Cost(macs=elements * graph.tensor(node, 1).shape[1], elements=elements)

    def cases(self) -> Iterator[Case]:
        def case(
            name: str,
            rows: int,
            features: int,
            units: int,
            activation: str = "NONE",
            per_channel: bool = False,
            low: int = -127,
            scale: float = 0.4,
            with_bias: bool = True,
            zeros: float = 0.0,
            levels: int = 256,
        ) -> Case:
            random = _cases.random(name)
            source = _cases.activation("input", (rows, features), 0.04, -9)
            weight = _cases.weights(random, (units, features), 0, per_channel, low)
            weight = _cases.pruned(random, weight, 8, zeros) if zeros else weight
            weight = _cases.coarse(weight) if levels == 16 else weight
            weight = _cases.few(weight) if levels == 4 else weight
            options = {
                "fused_activation_function": activation,
                "weights_format": 0,
                "keep_num_dims": False,
                "asymmetric_quantize_inputs": False,
            }
            output = _cases.activation("output", (rows, units), scale, 4)
            bias = _cases.bias(random, weight, 0.04, units) if with_bias else None
            return Case(name, _cases.graph("fully_connected", (source, weight, bias), output, options, 4))

        yield case("odd features", 1, 13, 7)
        yield case("per-channel", 1, 32, 10, per_channel=True)
        yield case("several rows, RELU", 3, 9, 5, "RELU")
        yield case("weights of -128, no bias", 1, 20, 6, low=-128, with_bias=False)
        yield case("pruned in blocks", 1, 128, 16, zeros=0.8)
        yield case("sixteen levels", 1, 64, 12, "RELU", levels=16)
        yield case("four values", 1, 64, 12, "RELU", levels=4)
        yield case("fifteen levels, pruned in blocks", 1, 128, 16, "RELU", low=-112, zeros=0.8, levels=16)
        yield case("saturating, RELU6", 1, 40, 4, "RELU6", scale=0.003)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    source, weight, bias = graph.tensor(node, 0), graph.tensor(node, 1), graph.optional(node, 2)
    assert weight.data is not None
    units, features = weight.shape
    requantization = _requantization(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "rows": source.elements // features,
            "features": features,
            "units": units,
            "input_zero_point": source.zero_point,
            **requantization.scalars(),
        },
        arrays={
            "weights": weight.data,
            "bias": bias_or_zeros(bias.data if bias else None, units),
            **requantization.arrays(),
        },
    )


def one_scale(node: Node, graph: Graph) -> bool:
    """Whether the weights have one scale, so that one multiplier serves all units."""
    quantization = graph.tensor(node, 1).quantization
    return quantization is not None and not quantization.per_channel


def one_scale_context(node: Node, graph: Graph) -> Call:
    """The same with multiplier and shift in the struct: 5 bytes a unit less."""
    call = context(node, graph)
    arrays = dict(call.arrays)
    multiplier, shift = arrays.pop("multiplier"), arrays.pop("shift")
    scalars = {**call.scalars, "multiplier": int(multiplier[0]), "shift": int(shift[0])}
    return Call(call.operands, scalars, arrays)


def _requantization(node: Node, graph: Graph) -> Requantization:
    """Per-channel as a convolution; per-tensor as ``GetQuantizedConvolutionMultipler``, whose product is float32."""
    weight, result = graph.tensor(node, 1), graph.output(node)
    assert weight.quantization is not None
    units = weight.shape[0]
    if weight.quantization.per_channel:
        return Requantization.of(node, graph, units)
    product = np.float32(graph.tensor(node, 0).scale) * np.float32(weight.quantization.scale)
    multiplier, shift = arithmetic.quantize_multiplier(float(product) / result.scale)
    return Requantization.with_multipliers(
        node, graph, np.full(units, multiplier, np.int32), np.full(units, shift, np.int8)
    )
