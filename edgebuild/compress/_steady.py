"""A model whose channels keep their mean and variance while one of its layers is compressed, as if it had been tuned.

Zeros shrink what a layer answers, and neither BatchNorm's averages nor the layers behind know it.  A moment of
fine-tuning mends that, so a loss measured before it says little of the loss after it; with statistics brought up to
date it does (Li et al., "EagleEye", 2020, for BatchNorm; here for layers without one too).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np


@contextmanager
def steady(model: Any, names: Sequence[str], batches: Sequence[Any]) -> Iterator[None]:
    """Within it BatchNorm normalizes by the batch, and so do the named layers, to what they have now.

    Args:
        names: convolutions and Dense layers; of others only BatchNorm is steadied.
        batches: samples that the model is called with.
    """
    from edgebuild.compress import _fine_tune

    every = list(_fine_tune.layers(model))
    norms = [layer for layer in every if type(layer).__name__ == "BatchNormalization"]
    named = [layer for layer in every if layer.name in names and _rescalable(layer)]
    averages = [layer.get_weights() for layer in norms]
    activations = [layer.activation for layer in named]
    seen: list[list[Any]] = [[] for _ in named]
    try:
        for layer in norms:
            layer.call = partial(_by_the_batch, layer)
        for layer, activation, moments in zip(named, activations, seen, strict=True):
            layer.activation = partial(_recorded, activation, moments)
        for batch in batches:
            model(batch, training=False)
        for layer, activation, moments in zip(named, activations, seen, strict=True):
            layer.activation = partial(_restored, activation, *np.mean(moments, axis=0)) if moments else activation
        yield
    finally:
        for layer, activation in zip(named, activations, strict=True):
            layer.activation = activation
        for layer, weights in zip(norms, averages, strict=True):
            layer.__dict__.pop("call", None)
            layer.set_weights(weights)


def _rescalable(layer: Any) -> bool:
    """Whether it computes outputs, the last axis of which counts channels, and then its activation."""
    from tf_keras import layers

    if isinstance(layer, layers.Dense):
        return True
    convolutions = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
    return isinstance(layer, convolutions) and layer.data_format == "channels_last"


def _by_the_batch(norm: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
    return type(norm).call(norm, inputs, training=True, mask=mask)


def _moments(outputs: Any) -> tuple[Any, Any]:
    """Mean and variance of each channel."""
    import tensorflow as tf

    mean, variance = tf.nn.moments(outputs, list(range(len(outputs.shape) - 1)))
    return mean, variance


def _recorded(activation: Any, into: list[Any], outputs: Any) -> Any:
    into.append([moment.numpy() for moment in _moments(outputs)])
    return activation(outputs)


def _restored(activation: Any, mean: Any, variance: Any, outputs: Any) -> Any:
    now, spread = _moments(outputs)
    scale = (variance / (spread + 1e-6 * variance + 1e-12)) ** 0.5
    return activation((outputs - now) * scale + mean)
