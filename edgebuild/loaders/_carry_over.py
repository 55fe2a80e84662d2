"""A Keras 3 model as the same model in tf_keras, where TF-MOT can compress it.

The config is rewritten by rule, the weights are set layer by layer, and the two models must then agree on random
input.  What tf_keras does not have, or would compute otherwise, is refused with the layer's name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from edgebuild.errors import UsageError
from edgebuild.loaders import NOTHING, Custom, Loaded, _keras

TOLERANCE = 1e-5
"""Largest difference of outputs, relative to the largest output when that exceeds 1."""

_RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}
_DROPPED = frozenset(("module", "registered_name", "build_config", "shared_object_id"))
_REMEDY = "leave out the compression steps, or build and train the model with tf_keras (Keras 2)"


def to_tf_keras(loaded: Loaded, place: str, custom: Custom = NOTHING) -> Loaded:
    """``loaded``, a Keras 3 model, in tf_keras.

    Args:
        custom: what the user has declared; of a class that is declared for both Keras, tf_keras takes its own.

    Raises:
        UsageError: tf_keras cannot express it, or computes something else.
    """
    tf_keras = _keras.package("tf_keras")
    source = loaded.model
    _refuse_own(source, custom, place)
    config = _model(source, tf_keras, place)
    try:
        kind = tf_keras.Sequential if config["class_name"] == "Sequential" else tf_keras.Model
        model = kind.from_config(config["config"])
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(place, f"tf_keras cannot build this Keras 3 model: {first[:300]}", _REMEDY) from error
    _copy_weights(source, model, place)
    carried = _keras.wrap(model, "tf_keras", place)
    _compare(loaded, carried, place)
    return carried


def _refuse_own(model: Any, custom: Custom, place: str) -> None:
    """Refuse a layer of a class of the user's that tf_keras does not have."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            _refuse_own(layer, custom, place)
        kind = type(layer).__name__
        if kind in custom.of("tf_keras").elsewhere:
            raise UsageError(
                f"{place}, layer {layer.name!r}",
                f"is of the class {kind!r}, which {custom.file} defines for Keras 3, and compression works on tf_keras",
                f"define {kind!r} for tf_keras as well, as a subclass of tf_keras.layers.Layer with that name, or "
                "leave out the compression steps",
            )


# ---- the config ----------------------------------------------------------------------------------


def _model(model: Any, tf_keras: Any, place: str) -> dict[str, Any]:
    """The serialized form of the Keras 3 ``model`` in tf_keras's words."""
    kind = type(model).__name__
    if kind not in ("Functional", "Sequential"):
        raise UsageError(place, f"tf_keras cannot build a Keras 3 model of the class {kind!r}", _REMEDY)
    config = model.get_config()
    if kind == "Sequential":
        layers = [_layer(layer, model, tf_keras, place) for layer in config["layers"]]
        return {"class_name": "Sequential", "config": {"name": config["name"], "layers": layers}}
    nested = {
        layer["config"]["name"] for layer in config["layers"] if layer["class_name"] in ("Functional", "Sequential")
    }
    layers = []
    for layer in config["layers"]:
        entry = _layer(layer, model, tf_keras, place)
        entry["name"] = layer["name"]
        entry["inbound_nodes"] = [
            _node(node, nested, f"{place}, layer {layer['name']!r}") for node in layer["inbound_nodes"]
        ]
        layers.append(entry)
    return {
        "class_name": "Functional",
        "config": {
            "name": config["name"],
            "layers": layers,
            "input_layers": _references(config["input_layers"], set()),
            "output_layers": _references(config["output_layers"], nested),
        },
    }


def _references(value: Any, nested: set[str]) -> list[Any]:
    """``[name, node, tensor]`` or a list of them, as a list; see :func:`_index`."""
    items = [value] if value and isinstance(value[0], str) else value
    return [[name, _index(name, node, nested), tensor] for name, node, tensor in items]


def _index(name: str, node: int, nested: set[str]) -> int:
    """tf_keras counts a nested model's own construction as its node 0; a wrong index makes it loop for ever."""
    return node + 1 if name in nested else node


def _node(node: Mapping[str, Any], nested: set[str], where: str) -> list[Any]:
    """One call of a layer: Keras 3's ``args`` and ``kwargs`` as tf_keras's list of references."""
    keywords = {key: value for key, value in node["kwargs"].items() if value is not None}
    args = list(node["args"])
    tensors: Any = args.pop(0) if args else None
    if args or any(_is_tensor(value) for value in _flat(keywords)) or keywords.keys() - {"training"}:
        raise UsageError(where, "is called with more than its inputs, which tf_keras's format cannot hold", _REMEDY)
    references = []
    for tensor in tensors if isinstance(tensors, list | tuple) else [tensors]:
        if not _is_tensor(tensor):
            raise UsageError(where, "takes a constant as an input, which tf_keras's format cannot hold", _REMEDY)
        name, index, output = tensor["config"]["keras_history"]
        references.append([name, _index(name, index, nested), output, keywords])
    return references


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict) and not _is_tensor(value):
        return [leaf for inner in value.values() for leaf in _flat(inner)]
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in _flat(inner)]
    return [value]


def _layer(layer: Mapping[str, Any], model: Any, tf_keras: Any, place: str) -> dict[str, Any]:
    """One layer of a model's config; nested models and wrapped layers included."""
    name = layer["config"]["name"]
    if layer["class_name"] in ("Functional", "Sequential"):
        return _model(model.get_layer(name), tf_keras, place)
    module = tf_keras.layers
    if layer["class_name"] == "InputLayer":
        config = dict(layer["config"])
        kept = {"name": name, "dtype": _part(config["dtype"], tf_keras, place)}
        return {"class_name": "InputLayer", "config": {**kept, "batch_input_shape": config["batch_shape"]}}
    return _object(layer, module, tf_keras, f"{place}, layer {name!r}")


def _object(item: Mapping[str, Any], module: Any, tf_keras: Any, where: str) -> dict[str, Any]:
    """A serialized object without what tf_keras's class of that name does not take."""
    kind = item["class_name"]
    target = getattr(module, kind, None) or _own(tf_keras, kind)
    if target is None:
        raise UsageError(where, f"is of the class {kind!r}, which tf_keras does not have", _REMEDY)
    accepted = _arguments(target)
    config = {}
    for key, value in (_without_own_masking(item) if kind == "Bidirectional" else item["config"]).items():
        key = _RENAMED.get((kind, key), key)
        if key in accepted:
            config[key] = _part(value, tf_keras, where)
        elif not _is_default(item, key, value):
            raise UsageError(
                where, f"has the setting {key} = {value!r}, which tf_keras's {kind} does not have", _REMEDY
            )
    return {"class_name": kind, "config": config}


def _own(keras: Any, name: Any) -> Any:
    """What the user has declared for ``keras``, either of them, under ``name``; or None."""
    return keras.saving.get_custom_objects().get(name) if isinstance(name, str) else None


def _without_own_masking(item: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a Bidirectional without a setting of its inner layers that both Keras 3 and tf_keras derive."""
    config = dict(item["config"])
    for key in ("layer", "backward_layer"):
        if isinstance(config.get(key), dict):
            inner = {name: value for name, value in config[key]["config"].items() if name != "zero_output_for_mask"}
            config[key] = {**config[key], "config": inner}
    return config


def _part(value: Any, tf_keras: Any, where: str) -> Any:
    """A value inside a layer's config: initializers, regularizers, inner layers, plain values."""
    if isinstance(value, list | tuple):
        return [_part(inner, tf_keras, where) for inner in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _part(inner, tf_keras, where) for key, inner in value.items()}
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    if value["class_name"] == "function" and _own(tf_keras, value["config"]) is not None:
        return value["config"]
    if _own(tf_keras, value["class_name"]) is not None:
        return _object(value, tf_keras.layers, tf_keras, where)
    for part in ("layers", "initializers", "regularizers", "constraints"):
        if hasattr(getattr(tf_keras, part), value["class_name"]) and str(value.get("module", "")).endswith(part):
            return _object(value, getattr(tf_keras, part), tf_keras, where)
    raise UsageError(where, f"uses {value['class_name']!r}, which tf_keras does not have", _REMEDY)


def _arguments(kind: type) -> dict[str, Any]:
    """What the constructors of ``kind`` and its parents take, with the defaults; a child's win."""
    found: dict[str, Any] = dict.fromkeys(("name", "trainable", "dtype"))
    for ancestor in reversed(kind.__mro__):
        init = vars(ancestor).get("__init__")
        if init is not None and ancestor is not object:
            found |= {name: value.default for name, value in inspect.signature(init).parameters.items()}
    return {name: default for name, default in found.items() if name not in ("self", "args", "kwargs")}


def _is_default(item: Mapping[str, Any], key: str, value: Any) -> bool:
    """Whether Keras 3 would have chosen ``value`` itself, so that leaving it out says the same."""
    if value is None or (key, value) == ("data_format", "channels_last"):  # what keras.json says in the worker
        return True
    keras = _keras.package("keras")
    module = getattr(keras, str(item.get("module", "keras.layers")).split(".")[-1], keras.layers)
    kind = getattr(module, item["class_name"], None) or _own(keras, item["class_name"])
    defaults = _arguments(kind or object)
    return key in defaults and bool(defaults[key] == value)


# ---- weights and proof ---------------------------------------------------------------------------


def _copy_weights(source: Any, target: Any, place: str) -> None:
    for layer in source.layers:
        twin = target.get_layer(layer.name)
        if hasattr(layer, "layers"):
            _copy_weights(layer, twin, place)
            continue
        try:
            twin.set_weights(layer.get_weights())
        except ValueError as error:
            raise UsageError(
                f"{place}, layer {layer.name!r}", "has other weights in tf_keras than in Keras 3", _REMEDY
            ) from error


def _compare(source: Loaded, target: Loaded, place: str) -> None:
    """Insist that both models give the same outputs for random input."""
    import numpy as np

    random = np.random.default_rng(20240229)
    samples = []
    for entry in source.inputs:
        shape = (source.batch or 4, *entry.shape[1:])
        values = random.uniform(-1, 1, shape) if entry.dtype.startswith("float") else random.integers(0, 2, shape)
        samples.append(values.astype(entry.dtype))
    if _agree(source.call(*samples), target.call(*samples)):
        return
    where = _first_difference(source, target, samples)
    raise UsageError(
        f"{place}, layer {where!r}" if where else place,
        "tf_keras computes something else than Keras 3 with the same weights",
        _REMEDY,
    )


def _agree(expected: list[Any], found: list[Any]) -> bool:
    import numpy as np

    for one, other in zip(expected, found, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        scale = max(1.0, float(np.max(np.abs(one), initial=0.0)))
        if one.shape != other.shape or not np.max(np.abs(one - other), initial=0.0) <= TOLERANCE * scale:
            return False
    return True


def _first_difference(source: Loaded, target: Loaded, samples: list[Any]) -> str | None:
    """Name of the first layer whose output differs; None when no single layer shows it."""
    keras, tf_keras = _keras.package("keras"), _keras.package("tf_keras")
    for layer in source.model.layers:
        try:
            one = keras.Model(source.model.inputs, layer.output)
            other = tf_keras.Model(target.model.inputs, target.model.get_layer(layer.name).output)
        except (AttributeError, ValueError):  # called more than once, so it has no single output
            continue
        given = samples[0] if len(samples) == 1 else samples
        if not _agree([one(given, training=False)], [other(given, training=False)]):
            return str(layer.name)
    return None
