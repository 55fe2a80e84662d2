"""Cross-layer equalization: channels are scaled against one another, so that one range suits them all.

What a layer multiplies a channel by, the next one divides by again; the function stays the same (Nagel et al., 2019).
As weights have a scale a channel anyway, what gains is the activation between the two, which has one scale; the
factor is that of its measured ranges (Xiao et al., 2022), taken in full where the next layer is depthwise and
so does not mind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import _flatbuffer, _levels
from edgebuild.convert._statistics import Seen

_LIMIT = 32.0
"""No channel is scaled by more."""

_ACTIVATIONS = (0, 1)
"""TFLite's NONE and RELU: scaling passes through them."""


def equalized(content: bytes, seen: dict[int, Seen]) -> bytes | None:
    """The float ``content``, equalized; None where no two layers allow it."""
    tree = _flatbuffer.read(content)
    done = False
    for first, second, between in _pairs(tree):
        done |= _equalize(tree, first, second, seen[between])
    return _flatbuffer.write(tree) if done else None


def _pairs(tree: Any) -> list[tuple[Any, Any, int]]:
    """Layers that feed exactly one other, and the number of the tensor between them."""
    graph = tree.subgraphs[0]
    readers: dict[int, list[Any]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(int(index), []).append(operator)
    found = []
    for operator in graph.operators:
        between = int(operator.outputs[0])
        if (
            not _weighted(tree, operator)
            or operator.builtinOptions.fusedActivationFunction not in _ACTIVATIONS
            or between in graph.outputs
            or len(readers.get(between, [])) != 1
        ):
            continue
        reader = readers[between][0]
        if _weighted(tree, reader) and int(reader.inputs[0]) == between and _reads_channels(tree, reader, between):
            found.append((operator, reader, between))
    return found


def _weighted(tree: Any, operator: Any) -> bool:
    kind = _flatbuffer.kind(tree, operator)
    return kind != "TRANSPOSE_CONV" and _flatbuffer.weights(tree, operator) is not None


def _reads_channels(tree: Any, operator: Any, between: int) -> bool:
    """Whether the operator's weights have one input for each channel of what it reads."""
    channels = int(tree.subgraphs[0].tensors[between].shape[-1])
    weights = _flatbuffer.weights(tree, operator)
    return weights is not None and int(weights.shape[-1]) == channels


def _equalize(tree: Any, first: Any, second: Any, seen: Seen) -> bool:
    tensors = tree.subgraphs[0].tensors
    one, other = tensors[first.inputs[1]], tensors[second.inputs[1]]
    before, after = _flatbuffer.constant(tree, one), _flatbuffer.constant(tree, other)
    assert before is not None and after is not None, "weights are constant"
    if _clustered(after):
        return False
    depthwise = _flatbuffer.kind(tree, second) == "DEPTHWISE_CONV_2D"
    reach = np.abs(after).reshape(-1, after.shape[-1]).max(axis=0).astype(np.float64)
    alive = (seen.largest > 0) & (reach > 0)
    if not alive.any():
        return False
    factor = np.ones(len(reach))
    factor[alive] = seen.largest[alive] if depthwise else np.sqrt(seen.largest[alive] / reach[alive])
    factor[alive] /= np.exp(np.log(factor[alive]).mean())
    factor = np.clip(factor, 1 / _LIMIT, _LIMIT).astype(np.float32)
    shape = [1] * before.ndim
    shape[_flatbuffer.axis(tree, first)] = -1
    _flatbuffer.store(tree, first, 1, before / factor.reshape(shape))
    _flatbuffer.store(tree, second, 1, after * factor)
    if len(first.inputs) > 2 and first.inputs[2] >= 0:
        bias = tensors[first.inputs[2]]
        values = _flatbuffer.constant(tree, bias)
        assert values is not None, "biases are constant"
        _flatbuffer.store(tree, first, 2, values / factor)
    return True


def _clustered(values: NDArray[Any]) -> bool:
    """Whether the weights are few distinct values, of channels or of all, or 16 levels: scaling would undo that."""
    channels = values.reshape(values.shape[0], -1)
    few = all(2 * len(np.unique(channel)) <= len(channel) for channel in channels)
    return few or 4 * len(np.unique(values)) <= values.size or _levels.of(channels) is not None
