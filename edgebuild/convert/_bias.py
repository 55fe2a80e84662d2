"""Bias correction: rounding the weights shifts a layer's mean output, and its bias takes that back (Nagel, 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import _flatbuffer
from edgebuild.convert._statistics import Seen


def corrected(content: bytes, original: bytes, seen: dict[int, Seen]) -> bytes:
    """The int8 ``content`` with corrected biases.

    Args:
        original: the float .tflite that it was made from.
        seen: what flows through that.
    """
    tree, before = _flatbuffer.read(content), _flatbuffer.read(original)
    graph = tree.subgraphs[0]
    patches: dict[int, NDArray[np.int32]] = {}
    for operator, maker in _flatbuffer.pairs(tree, before):
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            continue
        tensor, real = _flatbuffer.weights(tree, operator), _flatbuffer.weights(before, maker)
        if tensor is None or real is None or _flatbuffer.kind(tree, operator) == "TRANSPOSE_CONV":
            continue
        rounded, exact = _flatbuffer.constant(tree, tensor), _flatbuffer.constant(before, real)
        inputs = graph.tensors[operator.inputs[0]].quantization
        if rounded is None or exact is None or rounded.dtype != np.int8 or inputs.scale is None:
            continue
        axis = _flatbuffer.axis(tree, operator)
        scales = np.asarray(tensor.quantization.scale, np.float64)
        error = rounded * _along(scales, axis, rounded.ndim) - exact
        shift = _shift(_flatbuffer.kind(tree, operator), error, seen[int(maker.inputs[0])])
        bias = graph.tensors[operator.inputs[2]]
        values = _flatbuffer.constant(tree, bias)
        if values is None or values.dtype != np.int32:
            continue
        moved: NDArray[np.int64] = values - np.round(shift / (float(inputs.scale[0]) * scales)).astype(np.int64)
        limits = np.iinfo(np.int32)
        patches[int(operator.inputs[2])] = np.clip(moved, limits.min, limits.max).astype(np.int32)
    return _flatbuffer.patched(content, tree, patches)


def _shift(kind: str, error: NDArray[np.float64], seen: Seen) -> NDArray[np.float64]:
    """How far the mean of each output lies off, when the weights are off by ``error``."""
    if kind == "DEPTHWISE_CONV_2D":
        taps = error.reshape(-1, error.shape[-1]).sum(axis=0)
        multiplier = len(taps) // len(seen.mean)
        return np.asarray(taps * np.repeat(seen.mean, multiplier))
    if kind == "FULLY_CONNECTED":
        inputs = seen.elements if len(seen.elements) == error.shape[1] else seen.mean
        return np.asarray(error @ inputs)
    taps = error.reshape(error.shape[0], -1, error.shape[-1]).sum(axis=1)
    groups = len(seen.mean) // taps.shape[1]
    # of the inputs that each filter reads
    means = np.repeat(seen.mean.reshape(groups, -1), len(taps) // groups, axis=0)
    return np.asarray((taps * means).sum(axis=1))


def _along(scales: NDArray[np.float64], axis: int, rank: int) -> NDArray[np.float64]:
    shape = [1] * rank
    shape[axis] = -1
    return scales.reshape(shape)
