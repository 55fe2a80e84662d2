"""The same flat tf_keras model with some layers described otherwise: its config is edited and built again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgebuild.compress import _graph
from edgebuild.errors import UsageError


@dataclass(frozen=True, eq=False)
class Part:
    """A layer that takes the place of another, or one of a chain that does.

    Attributes:
        class_name: of ``tf_keras.layers``.
        config: its arguments but the name.
        weights: in the order of Keras's ``set_weights``.
    """

    class_name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Sequence[Any] = ()


def replaced(model: Any, parts: Mapping[str, Sequence[Part]]) -> Any:
    """A copy of ``model``, flat, with each layer that ``parts`` names replaced by a chain of layers.

    The last of a chain keeps the layer's name, the others are called ``name_1`` and so on.
    """
    model = _graph.flat(model)
    taken = {layer.name for layer in model.layers}
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.name not in parts}

    def edit(entry: dict[str, Any]) -> list[dict[str, Any]]:
        own = entry["config"]["name"]
        chain = []
        for number, part in enumerate(parts.get(own, ())):
            name = own if number == len(parts[own]) - 1 else _free(f"{own}_{number + 1}", taken)
            weights[name] = list(part.weights)
            chain.append({"class_name": part.class_name, "config": {**part.config, "name": name}})
        return chain or [entry]

    built = edited(model, edit)
    for layer in built.layers:
        layer.set_weights(weights[layer.name])
    return built


def edited(model: Any, edit: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Any:
    """The model that the edited config of the flat functional ``model`` describes, freshly initialised.

    Args:
        edit: from a layer's entry to entries; of several, each takes the one before as its input, and only the last
            has the layer's name.
    """
    import tf_keras

    config = dict(model.get_config())
    layers: list[dict[str, Any]] = []
    for whole in config["layers"]:
        # the shapes that the layer was built with would be forced on it again
        entry = {key: whole[key] for key in ("class_name", "config", "name", "inbound_nodes")}
        for number, one in enumerate(edit(entry)):
            calls = entry["inbound_nodes"]
            if number:
                calls = [[[layers[-1]["name"], call, 0, {}]] for call in range(len(calls))]
            layers.append({**one, "name": one["config"]["name"], "inbound_nodes": calls})
    return tf_keras.Model.from_config({**config, "layers": layers})


def insist_plain(model: Any, technique: str) -> None:
    """Refuse a model whose layers QAT or TF-MOT has wrapped: they cannot be taken apart any more.

    Raises:
        UsageError: naming such a layer.
    """
    for layer in model.layers:
        if hasattr(layer, "layers"):
            insist_plain(layer, technique)
        elif type(layer).__module__.split(".")[0] in ("edgebuild", "tensorflow_model_optimization"):
            raise UsageError(
                f"compression step {technique!r}",
                f"layer {layer.name!r} is prepared for quantization already ({type(layer).__name__})",
                f"let {technique} come before it",
            )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
