"""The width multiplier: the same architecture with a share of its channels, freshly initialised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgebuild.compress import _graph, _rebuild
from edgebuild.errors import UsageError
from edgebuild.models import channels

_COUNTS = {
    "Conv1D": "filters",
    "Conv2D": "filters",
    "Conv3D": "filters",
    "Conv1DTranspose": "filters",
    "Conv2DTranspose": "filters",
    "Conv3DTranspose": "filters",
    "SeparableConv1D": "filters",
    "SeparableConv2D": "filters",
    "Dense": "units",
    "LSTM": "units",
    "GRU": "units",
    "SimpleRNN": "units",
}


def scaled(model: Any, width: float) -> Any:
    """``model``, flat, with ``width`` times the channels of every layer but those that make its outputs.

    Raises:
        UsageError: its layers do not fit together any more.
    """
    model = _graph.flat(model)
    layers = {layer.name: layer for layer in model.layers}
    fixed = set(_last(model))

    def edit(entry: dict[str, Any]) -> list[dict[str, Any]]:
        config = dict(entry["config"])
        key = _COUNTS.get(entry["class_name"])
        if key is not None and config["name"] not in fixed:
            config[key] = channels(config[key], width)
        if entry["class_name"] == "Reshape":
            config["target_shape"] = _target(config["target_shape"], layers[config["name"]])
        return [{**entry, "config": config}]

    try:
        return _rebuild.edited(model, edit)
    except (ValueError, TypeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(
            "width",
            f"the model's layers do not fit together at {width:g} times its channels: {first[:300]}",
            "give a student as a model file, or one of edgebuild's own",
        ) from error


def _last(model: Any) -> Iterator[str]:
    """The layers with channels from which outputs follow without another such layer between."""
    seen: set[int] = set()

    def back(tensor: Any) -> Iterator[str]:
        layer, node, _ = tensor._keras_history
        if id(tensor) in seen:
            return
        seen.add(id(tensor))
        if type(layer).__name__ in _COUNTS:
            yield layer.name
        elif layer.inbound_nodes:
            for before in _flat(layer.inbound_nodes[node].keras_inputs):
                yield from back(before)

    for output in model.outputs:
        yield from back(output)


def _flat(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _target(shape: Any, layer: Any) -> list[int]:
    """A Reshape's target that follows the number of channels, where its last dimension is that."""
    target = [int(size) for size in shape]
    source = layer.input_shape
    if target and -1 not in target and target[-1] == source[-1]:
        target[-1] = -1
    return target
