"""Shapes of a Keras model's input and output, read from its config alone, where that says them."""

from __future__ import annotations

from typing import Any

Shape = tuple[int, ...] | None

_KEEP = frozenset(
    "Activation ReLU Softmax LeakyReLU PReLU ELU "
    "Dropout BatchNormalization GaussianNoise ActivityRegularization".split()
)
"""Layers behind the last one with weights that leave its shape as it is."""


def of(config: Any) -> tuple[Shape, Shape]:
    """Shapes of the only input and of the output, without batch; None where only building the model would tell.

    Args:
        config: the vetted config of the model.
    """
    layers = _layers(config)
    shapes = [layer["config"].get(key) for layer in layers for key in ("batch_shape", "batch_input_shape")]
    given = next((shape for shape in shapes if isinstance(shape, list)), None)
    return _whole(given[1:]) if given and not _several(config) else None, _output(config)


def _several(config: Any) -> bool:
    """Whether the model has more than one input."""
    inside = config.get("config") if isinstance(config, dict) else None
    inputs = inside.get("input_layers") if isinstance(inside, dict) else None
    nested = isinstance(inputs, list) and all(isinstance(entry, list) for entry in inputs)
    return (nested and len(inputs or ()) > 1) or (isinstance(inputs, dict) and len(inputs) > 1)


def _layers(model: Any) -> list[dict[str, Any]]:
    inside = model.get("config") if isinstance(model, dict) else None
    layers = inside.get("layers") if isinstance(inside, dict) else inside
    entries = layers if isinstance(layers, list) else []
    return [layer for layer in entries if isinstance(layer, dict) and isinstance(layer.get("config"), dict)]


def _output(model: Any) -> Shape:
    """Of a chain that ends in Dense or Reshape."""
    for layer in reversed(_layers(model)):
        kind, config = layer.get("class_name"), layer["config"]
        if kind in ("Functional", "Sequential", "Model"):
            return _output(layer)
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
