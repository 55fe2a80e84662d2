"""Weights of 16 levels, channel by channel a step times -8 to 7, kept so by the conversion to int8.

The converter makes the largest weight of a channel 127, and 127 is no multiple of 7 or 8: what were equal steps become
steps of 18 and 19.  So a channel's scale is taken such that a step is a whole number; the weights are then what they
were in float to the last digit, and generated C can store them with four bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import _flatbuffer

LOW, HIGH = -8, 7
_LARGEST = 127
_EXACT = 1e-3
"""How far from its level a weight may lie, in steps: float32 rounds by far less, trained weights lie anywhere."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Weights as steps times levels.

    Attributes:
        steps: float64 ``(channels,)``; 1 where a channel is zero.
        values: int64 ``(channels, weights)``, from -8 to 7.
    """

    steps: NDArray[np.float64]
    values: NDArray[np.int64]


def of(channels: NDArray[np.generic]) -> Levels | None:
    """The levels of weights ``(channels, weights)``; None where a channel has others."""
    real = channels.astype(np.float64)
    steps, values = np.ones(len(real)), np.zeros(real.shape, np.int64)
    for number, channel in enumerate(real):
        largest = np.abs(channel).max(initial=0.0)
        for level in range(1, -LOW + 1) if largest > 0 else ():
            found = channel * (level / largest)
            whole = np.round(found)
            inside = whole.min() >= LOW and whole.max() <= HIGH
            if inside and np.abs(found - whole).max() < _EXACT:
                steps[number], values[number] = largest / level, whole
                break
        else:
            if largest > 0:
                return None
    return Levels(steps, values)


def kept(content: bytes, original: bytes) -> bytes:
    """The int8 ``content`` with whole steps where the weights of ``original``, its float .tflite, have 16 levels.

    Weights and biases of those operators change by less than a unit, their scales by less than an eighth.
    Operators that share weights or biases with others are left as they are; zeros as biases may lie in one buffer.
    """
    tree, before = _flatbuffer.read(content), _flatbuffer.read(original)
    tensors = tree.subgraphs[0].tensors
    values: dict[int, NDArray[np.generic]] = {}
    scales: dict[int, NDArray[np.float32]] = {}
    for operator, maker in _flatbuffer.pairs(tree, before):
        tensor, real = _flatbuffer.weights(tree, operator), _flatbuffer.weights(before, maker)
        if tensor is None or real is None or _flatbuffer.dtype(tensor) != "INT8":
            continue
        exact, old = _flatbuffer.constant(before, real), np.asarray(tensor.quantization.scale, np.float64)
        if exact is None or exact.dtype != np.float32 or len(np.unique(exact)) > len(old) * (HIGH - LOW + 1):
            continue
        axis = _flatbuffer.axis(tree, operator)
        ahead = np.moveaxis(exact, axis, 0)
        found = of(ahead.reshape(len(old), -1))
        numbers = [int(index) for index in operator.inputs[1:3] if index >= 0]
        if found is None or not _flatbuffer.alone(tree, numbers[0]):
            continue
        bias = _flatbuffer.constant(tree, tensors[numbers[1]]) if len(numbers) == 2 else None
        if len(numbers) == 2 and not _movable(tree, numbers[1], bias):
            continue
        whole = _LARGEST // np.maximum(np.abs(found.values).max(axis=1), 1)
        new = np.where(found.values.any(axis=1), found.steps / whole, old)
        integers = (found.values * whole[:, None]).reshape(ahead.shape)
        values[numbers[0]] = np.moveaxis(integers, 0, axis).astype(np.int8)
        scales[numbers[0]] = new.astype(np.float32)
        if bias is not None:
            limits = np.iinfo(np.int32)
            if bias.any():
                values[numbers[1]] = np.clip(np.round(bias * (old / new)), limits.min, limits.max).astype(np.int32)
            old_bias = np.asarray(tensors[numbers[1]].quantization.scale, np.float64)
            scales[numbers[1]] = (old_bias * (new / old)).astype(np.float32)
    return _flatbuffer.patched(content, tree, values, scales) if values else content


def _movable(tree: Any, number: int, bias: NDArray[Any] | None) -> bool:
    """Whether a bias may get another scale: no other operator reads it, nor, unless it is zero, its buffer."""
    if bias is None or bias.dtype != np.int32:
        return False
    return _flatbuffer.alone(tree, number) or (_flatbuffer.readers(tree, number) == 1 and not bias.any())
