"""Where each channel of a flat tf_keras model comes from and goes: what must be removed together, and what cannot be.

Every filter has a number; a tensor is the list of the numbers of its channels.  Layers that add channels up make
their numbers equal, a Concatenate puts lists one after the other, a Flatten repeats them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.compress import _graph

Numbers = NDArray[np.int64]

FILTERS = ("Conv1D", "Conv2D", "Conv2DTranspose", "SeparableConv2D", "Dense")
"""Layers that make new channels."""

OF_CHANNELS = ("BatchNormalization", "DepthwiseConv2D", "PReLU")
"""Layers with weights for each channel that they pass on."""

_SUMS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
_PASSING = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    "GaussianNoise", "GaussianDropout", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D",
    "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "Rescaling",
)  # fmt: skip


@dataclass(eq=False)
class Flow:
    """The channels of a model.

    Attributes:
        into, out: numbers of the channels that enter and leave each layer, by its name.
        fixed: numbers that cannot go: they make the model's output, or a layer needs all of them.
    """

    into: dict[str, Numbers] = field(default_factory=dict)
    out: dict[str, Numbers] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)
    _parents: list[int] = field(default_factory=list)

    def new(self, count: int) -> Numbers:
        """Numbers for ``count`` new channels."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def root(self, number: int) -> int:
        """The one that stands for all that are removed together with ``number``."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def roots(self, numbers: Numbers) -> Numbers:
        """:meth:`root` of each."""
        return np.array([self.root(int(number)) for number in numbers], np.int64)

    def join(self, one: Numbers, other: Numbers) -> None:
        """Let the channels of two tensors be removed together, each with its counterpart."""
        for a, b in zip(one, other, strict=True):
            low, high = sorted((self.root(int(a)), self.root(int(b))))
            self._parents[high] = low

    def fix(self, *tensors: Numbers) -> None:
        """These channels cannot be removed."""
        self.fixed.update(int(number) for numbers in tensors for number in numbers)

    @property
    def kept(self) -> set[int]:
        """Roots of all that is fixed."""
        return {self.root(number) for number in self.fixed}


def follow(model: Any) -> Flow:
    """The channels of the flat ``model``."""
    flow = Flow()
    known: dict[int, Numbers] = {}
    for tensor in model.inputs:
        known[id(tensor)] = flow.new(int(tensor.shape[-1] or 1))
        flow.fix(known[id(tensor)])
    for call in _graph.calls(model):
        given = [known[number] for number in call.inputs]
        made = _through(flow, call, given)
        if made is None:  # a layer that mixes its channels in a way that is not known here
            flow.fix(*given)
            made = [flow.new(int(shape[-1] or 1)) if len(shape) > 1 else flow.new(1) for shape in call.output_shapes]
            flow.fix(*made)
        name = call.layer.name
        if name in flow.out and len(flow.out[name]) == len(made[0]):
            flow.join(flow.out[name], made[0])
            if len(flow.into[name]) == len(given[0]):
                flow.join(flow.into[name], given[0])
        else:
            flow.into[name], flow.out[name] = given[0], made[0]
        known.update(zip(call.outputs, made, strict=True))
    for tensor in model.outputs:
        flow.fix(known[id(tensor)])
    return flow


def _through(flow: Flow, call: _graph.Call, given: list[Numbers]) -> list[Numbers] | None:
    """The channels that leave a call; None where the layer is not known."""
    layer, name = call.layer, type(call.layer).__name__
    if getattr(layer, "data_format", "channels_last") not in ("channels_last", None):
        return None
    softmax = getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"
    if name in FILTERS:
        if getattr(layer, "groups", 1) != 1 or (name == "SeparableConv2D" and layer.depth_multiplier != 1):
            return None
        made = flow.new(int(call.output_shapes[0][-1] or 0))
        if softmax:
            flow.fix(made)
        return [made]
    if name in OF_CHANNELS:
        one = name != "DepthwiseConv2D" or layer.depth_multiplier == 1
        last = name != "BatchNormalization" or list(layer.axis) == [len(call.input_shapes[0]) - 1]
        return given if one and last else None
    if name in _PASSING:
        return None if softmax else given
    if name in _SUMS:
        return _summed(flow, given)
    if name == "Concatenate":
        if layer.axis in (-1, len(call.input_shapes[0]) - 1):
            return [np.concatenate(given)]
        return _summed(flow, given)
    if name in ("Flatten", "Reshape"):
        return _reshaped(call, given[0])
    return None


def _summed(flow: Flow, given: list[Numbers]) -> list[Numbers] | None:
    if len({len(numbers) for numbers in given}) != 1:
        return None
    for other in given[1:]:
        flow.join(given[0], other)
    return [given[0]]


def _reshaped(call: _graph.Call, given: Numbers) -> list[Numbers] | None:
    before, after = call.input_shapes[0], call.output_shapes[0]
    if before[-1] == after[-1]:
        return [given]
    places = np.prod([int(size or 1) for size in before[1:-1]], dtype=int)
    if len(after) == 2 and after[-1] == places * len(given):
        return [np.tile(given, places)]
    return None
