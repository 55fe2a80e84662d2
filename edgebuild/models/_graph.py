"""A described network as the int8 graph of its .tflite: what TensorFlow's converter makes of the tf_keras model.

Batch normalizations and activations are folded into the operator before them.  Weights and scales are random but
of the kind that training gives, since kernels and plans are chosen by shapes, and in rare cases by such weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from edgebuild.models._net import Layer, Net, Shape

_FUSED = {"linear": "NONE", "relu": "RELU", "relu6": "RELU6"}
_VERSIONS = {"conv_2d": 3, "depthwise_conv_2d": 3, "fully_connected": 4, "mean": 2, "add": 2, "softmax": 2}


class _Builder:
    def __init__(self, net: Net) -> None:
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.random = np.random.default_rng(1)
        self.values = {"": self.value("input", net.shape, "linear")}

    def tensor(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def value(self, name: str, shape: Shape, activation: str) -> int:
        positive = activation != "linear"
        quantization = Quantization((6 / 255 if positive else 0.05,), (-128 if positive else 0,))
        return self.tensor(Tensor(name, (1, *shape), DType.INT8, quantization))

    def constant(self, name: str, values: Any) -> int:
        data = np.asarray(values, np.int32)
        return self.tensor(Tensor(name, data.shape, DType.INT32, None, data))

    def weights(self, name: str, shape: Shape, axis: int) -> int:
        drawn = np.clip(np.rint(self.random.laplace(0, 22, shape)), -127, 127).astype(np.int8)
        fan_in = drawn.size // shape[axis]
        scale = float(np.float32(1.0 / (40.0 * np.sqrt(fan_in))))
        quantization = Quantization((scale,) * shape[axis], (0,) * shape[axis], axis)
        return self.tensor(Tensor(name, shape, DType.INT8, quantization, drawn))

    def bias(self, name: str, weights: int, source: int) -> int:
        own = self.tensors[weights].quantization
        assert own is not None
        scales = tuple(float(np.float32(scale * self.tensors[source].scale)) for scale in own.scales)
        drawn = np.rint(self.random.normal(0, 0.2, len(scales)) / np.array(scales)).astype(np.int32)
        return self.tensor(Tensor(name, drawn.shape, DType.INT32, Quantization(scales, (0,) * len(scales)), drawn))

    def node(self, op: str, layer: str, inputs: list[int], output: int, **options: Any) -> None:
        self.nodes.append(Node(op, tuple(inputs), (output,), options, layer, _VERSIONS.get(op, 1)))


def build(net: Net, *, softmax: bool) -> Graph:
    """The graph."""
    builder = _Builder(net)
    for layer in net.layers:
        _add(builder, layer)
    output = builder.values[net.layers[-1].name]
    if softmax:
        shape = builder.tensors[output].shape
        quantization = Quantization((1 / 256,), (-128,))
        probabilities = builder.tensor(Tensor("probabilities", shape, DType.INT8, quantization))
        builder.node("softmax", "probabilities", [output], probabilities, beta=1.0)
        output = probabilities
    return Graph(net.name, tuple(builder.tensors), tuple(builder.nodes), (builder.values[""],), (output,))


def _add(builder: _Builder, layer: Layer) -> None:
    given = [builder.values[name] for name in layer.inputs]
    output = builder.value(layer.name, layer.shape, layer.activation)
    builder.values[layer.name] = output
    fused = _FUSED[layer.activation]
    before = builder.tensors[given[0]].shape
    if layer.kind in ("convolution", "depthwise"):
        deep = layer.kind == "depthwise"
        shape = (1, *layer.kernel, layer.shape[-1]) if deep else (layer.shape[-1], *layer.kernel, before[-1])
        weights = builder.weights(f"{layer.name}/weights", shape, 3 if deep else 0)
        builder.node(
            "depthwise_conv_2d" if deep else "conv_2d",
            layer.name,
            [*given, weights, builder.bias(f"{layer.name}/bias", weights, given[0])],
            output,
            padding="SAME",
            stride_h=layer.stride,
            stride_w=layer.stride,
            dilation_h_factor=1,
            dilation_w_factor=1,
            fused_activation_function=fused,
            **({"depth_multiplier": 1} if deep else {}),
        )
    elif layer.kind == "dense":
        weights = builder.weights(f"{layer.name}/weights", (layer.shape[-1], before[-1]), 0)
        bias = builder.bias(f"{layer.name}/bias", weights, given[0])
        options = {"weights_format": 0, "keep_num_dims": False, "asymmetric_quantize_inputs": False}
        builder.node(
            "fully_connected", layer.name, [*given, weights, bias], output, fused_activation_function=fused, **options
        )
    elif layer.kind == "add":
        builder.node("add", layer.name, given, output, fused_activation_function=fused, pot_scale_int16=True)
    elif layer.kind == "mean":
        axes = builder.constant(f"{layer.name}/axes", [1, 2])
        builder.node("mean", layer.name, [*given, axes], output, keep_dims=False)
    else:
        asked = builder.constant(f"{layer.name}/shape", [1, *layer.shape])
        same = builder.tensors[given[0]].quantization
        moved = builder.tensors[output]
        builder.tensors[output] = Tensor(moved.name, moved.shape, moved.dtype, same)
        builder.node("reshape", layer.name, [*given, asked], output, new_shape=[1, *layer.shape])
