"""BatchNorm folded into the layer before it, as the converter does it, so that training sees the weights it rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.compress import _graph

_KERNELS = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "DepthwiseConv2D": "depthwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
    "Dense": "kernel",
}


def folded(model: Any) -> Any:
    """``model``, flattened, without the BatchNorm layers that directly follow a convolution or Dense layer."""
    flat = _graph.flat(model)
    pairs = _pairs(flat)
    gone = {id(norm) for norm in pairs.values()}

    def make(layer: Any) -> _graph.Fresh:
        if id(layer) in gone:
            return _graph.Fresh(None)
        if layer.name not in pairs:
            return _graph.Fresh(_graph.copy(layer))
        fresh = type(layer).from_config({**layer.get_config(), "use_bias": True})
        return _graph.Fresh(fresh, _weights(layer, pairs[layer.name]))

    return _graph.rebuilt(flat, make) if pairs else flat


def _pairs(flat: Any) -> dict[str, Any]:
    """The BatchNorm behind each layer that can take it in, by that layer's name."""
    calls = _graph.calls(flat)
    readers: dict[int, list[_graph.Call]] = {}
    times: dict[int, int] = {}
    for call in calls:
        times[id(call.layer)] = times.get(id(call.layer), 0) + 1
        for number in call.inputs:
            readers.setdefault(number, []).append(call)
    ends = {id(tensor) for tensor in flat.outputs}
    found = {}
    for call in calls:
        layer = call.layer
        follow = readers.get(call.outputs[0], [])
        if type(layer).__name__ not in _KERNELS or len(follow) != 1 or call.outputs[0] in ends:
            continue
        norm = follow[0].layer
        linear = getattr(layer.activation, "__name__", "linear") == "linear"
        last = type(norm).__name__ == "BatchNormalization" and list(norm.axis) == [len(call.output_shapes[0]) - 1]
        if linear and last and times[id(layer)] == times[id(norm)] == 1:
            found[layer.name] = norm
    return found


def _weights(layer: Any, norm: Any) -> list[NDArray[Any]]:
    """The weights of ``layer``, in Keras's order and with a bias, that do what layer and ``norm`` did."""
    mean, variance = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * np.asarray(norm.gamma)
    bias = np.zeros_like(mean) if layer.bias is None else np.asarray(layer.bias)
    bias = (bias - mean) * scale + (0 if norm.beta is None else np.asarray(norm.beta))
    kernel = np.asarray(getattr(layer, _KERNELS[type(layer).__name__]))
    if type(layer).__name__ == "DepthwiseConv2D":
        kernel = kernel * scale.reshape(kernel.shape[-2:])
    elif type(layer).__name__ == "Conv2DTranspose":
        kernel = kernel * scale[:, np.newaxis]
    else:
        kernel = kernel * scale
    first = [np.asarray(layer.depthwise_kernel)] if type(layer).__name__ == "SeparableConv2D" else []
    return [*first, kernel.astype(np.float32), bias.astype(np.float32)]
