"""Rules that several operators share.  A docstring is the refusal, the documentation and the test's name."""

from __future__ import annotations

from edgebuild.ir.graph import ABSENT, Graph, Node
from edgebuild.ir.types import DType


def int8_activations(node: Node, graph: Graph) -> bool:
    """Inputs and outputs computed at run time must be int8 with one scale.

    Quantize the model to int8 with int8 input and output.
    """
    return all(
        graph.tensors[i].dtype is DType.INT8
        and graph.tensors[i].quantization is not None
        and not graph.tensors[i].quantization.per_channel  # type: ignore[union-attr]
        for i in (*graph.runtime_inputs(node), *node.outputs)
    )


def one_batch(node: Node, graph: Graph) -> bool:
    """The batch must be 1.

    Export the model with batch size 1; a device runs one inference at a time.
    """
    return all(graph.tensors[i].shape[:1] == (1,) for i in (*graph.runtime_inputs(node), *node.outputs))


def four_dimensions(node: Node, graph: Graph) -> bool:
    """Input and output must have four dimensions: batch, height, width, channels.

    Reshape to four dimensions before this layer.
    """
    return len(graph.tensor(node, 0).shape) == 4 and len(graph.output(node).shape) == 4


def int8_weights(node: Node, graph: Graph) -> bool:
    """Weights must be constant, int8 and symmetric (zero point 0).

    Quantize the model to int8; weights computed at run time cannot be used.
    """
    weights = graph.optional(node, 1)
    return (
        weights is not None
        and weights.constant
        and weights.dtype is DType.INT8
        and weights.quantization is not None
        and not any(weights.quantization.zero_points)
    )


def int32_bias(node: Node, graph: Graph) -> bool:
    """The bias must be constant and int32, or absent.

    Convert with the TFLite converter's int8 quantization, which makes it so.
    """
    bias = graph.optional(node, 2)
    return bias is None or (bias.constant and bias.dtype is DType.INT32)


def known_activation(node: Node, graph: Graph) -> bool:
    """The fused activation must be NONE, RELU, RELU6 or RELU_N1_TO_1.

    Use one of these, or a separate activation layer.
    """
    return node.options.get("fused_activation_function", "NONE") in {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}


def same_quantization(node: Node, graph: Graph) -> bool:
    """Inputs and output must have the same scale and zero point.

    Convert with the TFLite converter, which makes them so.
    """
    output = graph.output(node).quantization
    return all(graph.tensors[i].quantization == output for i in node.inputs if i != ABSENT and _quantized(graph, i))


def _quantized(graph: Graph, index: int) -> bool:
    return graph.tensors[index].dtype is DType.INT8


def constant_parameters(node: Node, graph: Graph) -> bool:
    """All inputs but the first must be constant.

    Make them constants of the model: paddings, axes and shapes are fixed at build time.
    """
    return all(i == ABSENT or graph.tensors[i].constant for i in node.inputs[1:])
