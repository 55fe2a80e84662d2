"""Shapes of a Keras model's inputs and output, read from its config alone, where that says them."""

from __future__ import annotations

from typing import Any

Shape = tuple[int, ...] | None

_KEEP = frozenset(
    "Activation ReLU Softmax LeakyReLU PReLU ELU "
    "Dropout BatchNormalization GaussianNoise ActivityRegularization".split()
)
"""Layers behind the last one with weights that leave its shape as it is."""


def inputs(config: Any) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and shape of each input, without batch, in the model's order; empty where only building it would tell.

    Args:
        config: the vetted config of the model.
    """
    layers = _layers(config)
    named = _input_layers(config)
    if isinstance(named, dict):  # whose order only the model tells
        return ()
    if named is not None:
        by_name = {str(layer["config"].get("name")): layer for layer in layers}
        layers = [by_name[name] for name in named if name in by_name]
        if len(layers) != len(named):
            return ()
    else:
        layers = [layer for layer in layers if _given(layer) is not None][:1]
    given = [(str(layer["config"].get("name")), _given(layer)) for layer in layers]
    found = [(name, _whole(shape[1:]) if shape else None) for name, shape in given]
    known = tuple((name, shape) for name, shape in found if shape is not None)
    return known if len(known) == len(found) else ()


def _input_layers(config: Any) -> list[str] | dict[str, Any] | None:
    """Names of the layers that a functional model begins with, in its order or by a key; None for another model."""
    inside = config.get("config") if isinstance(config, dict) else None
    entries = inside.get("input_layers") if isinstance(inside, dict) else None
    if isinstance(entries, dict):
        return entries
    if not isinstance(entries, list) or not entries:
        return None
    if isinstance(entries[0], str):  # one input, as Keras 3 writes it
        return [entries[0]]
    return [str(entry[0]) for entry in entries if isinstance(entry, list) and entry]


def _given(layer: dict[str, Any]) -> list[Any] | None:
    """The shape that a layer takes, with batch."""
    shapes = (layer["config"].get(key) for key in ("batch_shape", "batch_input_shape"))
    return next((shape for shape in shapes if isinstance(shape, list)), None)


def _layers(model: Any) -> list[dict[str, Any]]:
    inside = model.get("config") if isinstance(model, dict) else None
    layers = inside.get("layers") if isinstance(inside, dict) else inside
    entries = layers if isinstance(layers, list) else []
    return [layer for layer in entries if isinstance(layer, dict) and isinstance(layer.get("config"), dict)]


def output(model: Any) -> Shape:
    """Shape of what comes out, without batch, of a chain that ends in Dense or Reshape; None of another."""
    for layer in reversed(_layers(model)):
        kind, config = layer.get("class_name"), layer["config"]
        if kind in ("Functional", "Sequential", "Model"):
            return output(layer)
        if kind == "Dense":
            return _whole([config.get("units")])
        if kind == "Reshape":
            return _whole(config.get("target_shape"))
        if kind not in _KEEP:
            return None
    return None


def _whole(shape: Any) -> Shape:
    known = isinstance(shape, list | tuple) and all(type(size) is int and size > 0 for size in shape)
    return tuple(shape) if known else None
