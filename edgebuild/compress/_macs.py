"""Multiply-accumulates of a tf_keras model's layers, as the device half counts them in the .tflite."""

from __future__ import annotations

import math
from typing import Any


def of_layer(layer: Any) -> int:
    """Multiply-accumulates of one call of ``layer``; 0 for layers without weights, and for recurrent ones."""
    inner = getattr(layer, "layer", None)
    if inner is not None and hasattr(inner, "kernel"):  # a wrapper that TF-MOT or QAT put around it
        layer = inner
    name = type(layer).__name__
    if name == "Dense":
        return int(math.prod(_places(layer.get_output_shape_at(0)))) * int(math.prod(layer.kernel.shape))
    if name in ("Conv1D", "Conv2D", "Conv3D"):
        return int(math.prod(_places(layer.get_output_shape_at(0)))) * int(math.prod(layer.kernel.shape))
    if name in ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"):
        return int(math.prod(_places(layer.get_input_shape_at(0)))) * int(math.prod(layer.kernel.shape))
    if name in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return int(math.prod(_places(layer.get_output_shape_at(0)))) * int(math.prod(layer.depthwise_kernel.shape))
    if name in ("SeparableConv1D", "SeparableConv2D"):
        weights = int(math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))
        return int(math.prod(_places(layer.get_output_shape_at(0)))) * weights
    return 0


def of_model(model: Any) -> int:
    """Multiply-accumulates of one inference; layers that are called twice count twice."""
    return sum(of_layer(layer) * calls for layer, calls in _called(model))


def _called(model: Any) -> list[tuple[Any, int]]:
    """Every layer, those of nested models included, with how often ``model`` calls it."""
    found = []
    for layer in model.layers:
        count = calls(layer, model)
        if hasattr(layer, "layers"):
            found += [(inner, each * count) for inner, each in _called(layer)]
        else:
            found.append((layer, count))
    return found


def calls(layer: Any, model: Any) -> int:
    """How many nodes of ``model``'s graph call ``layer``; a layer may be part of other models too."""
    nodes = getattr(model, "_network_nodes", None)
    if not nodes:
        return 1
    own = [index for index in range(len(layer.inbound_nodes)) if f"{layer.name}_ib-{index}" in nodes]
    return max(1, len(own))


def _places(shape: Any) -> tuple[int, ...]:
    """The output's positions, without batch and channels."""
    if isinstance(shape, list):
        shape = shape[0]
    return tuple(int(size) for size in shape[1:-1])
