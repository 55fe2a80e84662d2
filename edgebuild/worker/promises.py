"""What the compression steps promised must still be in the .tflite: zeros, clusters and levels.  Child only."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebuild.errors import ToolError


def insist(model: Any, content: bytes) -> None:
    """The zeros, clusters and 16 levels of the Keras ``model`` are in the integers of ``content``, layer by layer.

    Raises:
        ToolError: conversion has undone them.
    """
    from edgebuild.compress import _keep
    from edgebuild.convert import _flatbuffer, _levels

    held = {id(one.weight): one for one in _keep.held(model)}
    written = _flatbuffer.weights_in(content)
    for layer in _layers(model):
        for weight in layer.trainable_weights:
            one = held.get(id(weight))
            found = [entry for entry in written if layer.name in entry.layers and entry.size == int(np.size(weight))]
            if len(found) != 1:
                continue
            if _narrow(layer, weight) and _levels.of(found[0].channels) is None:
                raise _broken(layer.name, "weights of 16 levels a channel", "their steps are uneven")
            if one is None:
                continue
            zeros = 0 if one.mask is None else int(np.size(one.mask) - one.mask.sum())
            if found[0].zeros < zeros:
                raise _broken(layer.name, f"{zeros} weights that are zero", f"{found[0].zeros} are")
            values = _distinct(np.asarray(weight)) if one.members is not None else 0
            if values and found[0].values > values:
                raise _broken(layer.name, f"{values} distinct weights a channel", f"there are {found[0].values}")


def _layers(model: Any) -> list[Any]:
    from edgebuild.compress import _fine_tune

    return [layer for layer in _fine_tune.layers(model) if not hasattr(layer, "layers")]


def _narrow(layer: Any, weight: Any) -> bool:
    """Whether each channel of ``weight`` is a step times -8 to 7, in layers whose weights can be stored so."""
    from edgebuild.convert import _levels

    if type(layer).__name__ not in ("Conv1D", "Conv2D", "Dense"):
        return False
    values = np.asarray(weight)
    return _levels.of(values.reshape(-1, values.shape[-1]).T) is not None


def _distinct(values: Any) -> int:
    """The most distinct values in a channel; zero padding of a scale cannot add any."""
    columns = values.reshape(-1, values.shape[-1])
    return max(len(np.unique(columns[:, channel])) for channel in range(columns.shape[1]))


def _broken(layer: str, promised: str, found: str) -> ToolError:
    return ToolError(
        "TensorFlow's converter",
        f"was given {promised} in layer {layer!r}, but in the .tflite {found}",
        "report this with the model; without the compression step it converts",
    )
