"""Layers that compute as int8 would: weights and outputs rounded to 8 bits, gradients as if they were not.

Weights of chosen layers are rounded to 4 bits, to levels which int8 represents exactly.

Imports TensorFlow, so only functions that work on a model import it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from edgebuild.compress import _graph

_CHANNELS = {"kernel": (-1,), "depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)}
"""Axes of a weight that have a scale of their own at each place."""

_SAME = (
    "Flatten", "Reshape", "Permute", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise",
    "GaussianDropout", "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D",
    "ZeroPadding2D", "Cropping1D", "Cropping2D", "RepeatVector", "Embedding", "Softmax",
)  # fmt: skip
"""Layers whose output has the values of their input, or whose range TFLite fixes."""

_FOLLOWING = 0.98
"""How slowly the range of an output follows that of the batches."""


def straight(value: Any, rounded: Any) -> Any:
    """``rounded``, with the gradient of ``value``."""
    return value + tf.stop_gradient(rounded - value)


def weight(values: Any, channels: tuple[int, ...] | None) -> Any:
    """``values`` as int8 represents them: symmetric, -127 to 127, a scale for each place along ``channels``."""
    rank = len(values.shape)
    own = {axis % rank for axis in channels or ()}
    largest = tf.reduce_max(tf.abs(values), [axis for axis in range(rank) if axis not in own], keepdims=True)
    scale = tf.maximum(largest, 1e-9) / 127.0
    return straight(values, tf.round(values / scale) * scale)


_CLIPPED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of a channel's range over which levels may be spread: what lies outside is clipped."""


def levels(values: Any, channels: tuple[int, ...] | None) -> Any:
    """``values`` on 15 levels, -7 to 7 times a scale for each place along ``channels``.

    Four bits hold -8 too, but kernels that keep two filters' weights in a byte cannot always take one.  The scale is
    the one of few with the least squared error: levels over the whole range would leave most weights, which are small,
    with two or three of them.
    """
    rank = len(values.shape)
    own = {axis % rank for axis in channels or ()}
    rest = [axis for axis in range(rank) if axis not in own]
    whole = tf.reduce_max(tf.abs(values), rest, keepdims=True) / 7.0
    best = least = None
    for share in _CLIPPED:
        scale = tf.maximum(whole * share, 1e-9)
        rounded = tf.clip_by_value(tf.round(values / scale), -7.0, 7.0) * scale
        error = tf.reduce_sum(tf.math.squared_difference(rounded, values), rest, keepdims=True)
        best = rounded if best is None else tf.where(error < least, rounded, best)
        least = error if least is None else tf.minimum(error, least)
    return straight(values, best)


def output(values: Any, low: Any, high: Any) -> Any:
    """``values`` as int8 represents them between ``low`` and ``high``, with zero among the 256 levels."""
    low, high = tf.minimum(low, 0.0), tf.maximum(high, 1e-6)
    scale = (high - low) / 255.0
    zero = tf.round(-low / scale)
    inside = tf.clip_by_value(values, -zero * scale, (255.0 - zero) * scale)
    return straight(inside, tf.round(inside / scale) * scale)


class Rounded(tf_keras.layers.Wrapper):  # type: ignore[misc]
    """A layer with its weights rounded, to 4 bits if it is ``narrow``, and its output too if it ``observes``."""

    def __init__(self, layer: Any, observes: bool, per_tensor: bool, narrow: bool) -> None:
        super().__init__(layer, name=layer.name)
        self.observes = observes
        self.per_tensor = per_tensor
        self.narrow = narrow

    def build(self, input_shape: Any) -> None:
        """Also makes the range of the output: low, high and how often it was seen."""
        super().build(input_shape)
        self.range = [
            self.add_weight(name=name, shape=(), initializer="zeros", trainable=False)
            for name in ("low", "high", "seen")
        ]

    def set_weights(self, weights: Any) -> None:
        """Those of the layer within."""
        self.layer.set_weights(weights)

    def rounded(self, name: str) -> Any:
        """The layer's weight ``name``, rounded."""
        whole = self.per_tensor and type(self.layer).__name__ == "Dense"
        channels = (-2,) if type(self.layer).__name__ == "Conv2DTranspose" else _CHANNELS[name]
        return (levels if self.narrow else weight)(getattr(self.layer, name), None if whole else channels)

    def names(self) -> list[str]:
        """Names of the weights that are rounded: none of a layer of the user's own, whose arithmetic is not known."""
        if type(self.layer).__module__.split(".")[0] not in ("keras", "tf_keras"):
            return []
        return [name for name in _CHANNELS if isinstance(getattr(self.layer, name, None), tf.Variable)]

    def call(self, inputs: Any, *args: Any, training: bool | None = None, **keywords: Any) -> Any:
        """What the layer computes with rounded weights."""
        if "training" in self.layer._call_spec.arg_names:
            keywords["training"] = training
        late = self._late()
        held = {name: getattr(self.layer, name) for name in self.names()}
        swapped: dict[str, Any] = {name: self.rounded(name) for name in held}
        if late is not None:
            held["activation"], swapped["activation"] = late, tf_keras.activations.linear
        for name, value in swapped.items():
            object.__setattr__(self.layer, name, value)  # past Keras, which would track it
        try:
            answer = self.layer(inputs, *args, **keywords)
        finally:
            for name, value in held.items():
                object.__setattr__(self.layer, name, value)
        if late is not None:
            answer = late(self._round(answer, training) if self.observes else answer)
        elif self.observes:
            answer = self._round(answer, training)
        return answer

    def _late(self) -> Any | None:
        """The activation, where int8 rounds before it as well: TFLite fuses no other than ReLU."""
        activation = getattr(self.layer, "activation", None)
        fused = getattr(activation, "__name__", "linear") in ("linear", "relu", "relu6")
        return None if fused or not self.names() else activation

    def _round(self, values: Any, training: bool | None) -> Any:
        low, high, seen = self.range
        if training:
            follow = tf.where(seen > 0, _FOLLOWING, 0.0)
            low.assign(follow * low + (1 - follow) * tf.reduce_min(values))
            high.assign(follow * high + (1 - follow) * tf.reduce_max(values))
            seen.assign(1.0)
        return output(values, low, high)


def rounded(model: Any, *, per_tensor: bool, narrow: frozenset[str] = frozenset()) -> Any:
    """The flat ``model`` with every layer rounded as the converter will do it, the ``narrow`` ones to 4 bits."""
    calls = _graph.calls(model)
    readers: dict[int, list[Any]] = {}
    for call in calls:
        for number in call.inputs:
            readers.setdefault(number, []).append(call.layer)
    quiet, many = set(), set()
    for call in calls:
        if not call.alone:
            many.add(call.layer.name)
        follow = readers.get(call.outputs[0], [])
        fused = len(follow) == 1 and _clips(follow[0])
        if type(call.layer).__name__ in _SAME or fused or _fixed(call.layer) or len(call.outputs) > 1:
            quiet.add(call.layer.name)

    def make(layer: Any) -> _graph.Fresh:
        if layer.name in many:  # attention, say: left to be rounded by the converter
            return _graph.Fresh(_graph.copy(layer))
        return _graph.Fresh(Rounded(_graph.copy(layer), layer.name not in quiet, per_tensor, layer.name in narrow))

    return _graph.rebuilt(model, make)


def _clips(layer: Any) -> bool:
    """Whether TFLite computes ``layer`` as part of the one before it."""
    if type(layer).__name__ == "ReLU":
        return not layer.negative_slope and not layer.threshold and layer.max_value in (None, 6)
    return type(layer).__name__ == "Activation" and layer.activation.__name__ in ("relu", "relu6")


def _fixed(layer: Any) -> bool:
    """Whether it is an activation alone whose range TFLite fixes."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return type(layer).__name__ == "Activation" and name in ("softmax", "sigmoid", "tanh", "linear")
