"""A tf_keras model as a flat graph of layer calls, and the same model built anew with some layers exchanged.

Nested models dissolve: the layers inside come to stand beside the others, under ``outer_inner`` where a name is
taken.  Every layer is made anew and given the weights of the old one, so the model that was given stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Fresh:
    """What takes a layer's place.

    Attributes:
        layer: the new layer; None where the input simply passes.
        weights: its weights; None: the old layer's.
    """

    layer: Any
    weights: list[Any] | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer in a flat model; tensors are known by the ``id`` of their Keras tensor.

    Attributes:
        alone: the layer takes one argument, which may be a list of tensors.
    """

    layer: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    output_shapes: tuple[tuple[int | None, ...], ...]
    alone: bool


def copy(layer: Any) -> Any:
    """A layer like ``layer``, not built yet."""
    return type(layer).from_config(layer.get_config())


def flat(model: Any) -> Any:
    """A copy of ``model`` without nested models."""
    return rebuilt(model, lambda layer: Fresh(copy(layer)))


def rebuilt(model: Any, make: Callable[[Any], Fresh]) -> Any:
    """``model`` flattened, with each layer replaced by what ``make`` gives for it; called once a layer."""
    import tf_keras

    made: dict[int, tuple[Any, Fresh]] = {}
    names: set[str] = set()

    def fresh(layer: Any, below: str) -> Fresh:
        if id(layer) not in made:
            found = make(layer)
            if found.layer is not None:
                if found.layer.name in names:
                    found.layer._name = f"{below}{found.layer.name}"
                names.add(found.layer.name)
            made[id(layer)] = (layer, found)
        return made[id(layer)][1]

    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.node.layer.name)
        for tensor in model.inputs
    ]
    names.update(tensor.node.layer.name for tensor in inputs)
    outputs = _run(model, inputs, fresh, "")
    new = tf_keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=model.name)
    for old, found in made.values():
        if found.layer is not None and found.layer.weights:
            found.layer.set_weights(old.get_weights() if found.weights is None else found.weights)
            found.layer.trainable = old.trainable
    return new


def _run(model: Any, inputs: list[Any], fresh: Callable[[Any, str], Fresh], below: str) -> Any:
    """What ``model`` makes of ``inputs``, with the fresh layers."""
    import tensorflow as tf

    count = model._tensor_usage_count
    known: dict[str, list[Any]] = {}
    for tensor, value in zip(model.inputs, inputs, strict=True):
        known[str(id(tensor))] = [value] * count[str(id(tensor))]
    for node in _nodes(model):
        if node.is_input:
            continue
        arguments, keywords = node.map_arguments(known)
        if hasattr(node.layer, "layers"):
            answer = _run(node.layer, tf.nest.flatten(arguments), fresh, f"{below}{node.layer.name}_")
        else:
            layer = fresh(node.layer, below).layer
            answer = arguments[0] if layer is None else layer(*arguments, **keywords)
        for number, value in zip(node.flat_output_ids, tf.nest.flatten(answer), strict=True):
            known[str(number)] = [value] * count[str(number)]
    return tf.nest.map_structure(lambda tensor: known[str(id(tensor))].pop(), model._nested_outputs)


def calls(model: Any) -> list[Call]:
    """Every call of a flat ``model``, in order, without those of its inputs."""
    import tensorflow as tf

    found = []
    for node in _nodes(model):
        if not node.is_input:
            given, made = tf.nest.flatten(node.keras_inputs), tf.nest.flatten(node.outputs)
            found.append(
                Call(
                    node.layer,
                    tuple(id(tensor) for tensor in given),
                    tuple(id(tensor) for tensor in made),
                    tuple(tuple(tensor.shape) for tensor in given),
                    tuple(tuple(tensor.shape) for tensor in made),
                    len(given) == len(tf.nest.flatten(node.call_args[:1])),
                )
            )
    return found


def _nodes(model: Any) -> Iterator[Any]:
    depths = model._nodes_by_depth
    for depth in sorted(depths, reverse=True):
        yield from depths[depth]
