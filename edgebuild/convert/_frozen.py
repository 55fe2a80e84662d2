"""The model as one TensorFlow function of batch 1 with constant weights, whose operations bear the layers' names.

TFLite takes the names of its tensors from here, so this is where a report or a refusal gets "the layer's name in
the user's model" from.
"""

from __future__ import annotations

import re
from typing import Any

from edgebuild.convert import Source


def concrete(source: Source) -> Any:
    """The traced function of ``source``: batch 1, weights still variables."""
    import tensorflow as tf

    specs = [tf.TensorSpec(port.shape, port.dtype, name=_identifier(port.name)) for port in source.inputs]
    return tf.function(source.call, autograph=False).get_concrete_function(*specs)


def freeze(traced: Any, source: Source) -> Any | None:
    """``traced`` with its weights as constants; None when it has loops, which only the other way converts."""
    from tensorflow.python.eager import wrap_function
    from tensorflow.python.framework import convert_to_constants

    frozen = convert_to_constants.convert_variables_to_constants_v2(traced, lower_control_flow=False)
    graph = frozen.graph.as_graph_def()
    if any(node.op in ("While", "StatelessWhile") for node in graph.node):
        return None
    renamed = _names([node.name for node in graph.node], source)
    for node in graph.node:
        node.name = renamed[node.name]
        for index, reference in enumerate(node.input):
            control, name, output = _REFERENCE.fullmatch(reference).groups()  # type: ignore[union-attr]
            node.input[index] = f"{control}{renamed[name]}{output}"
        for attribute, value in node.attr.items():
            if attribute == "_class":  # colocation hints name other nodes, and nothing reads them any more
                value.list.Clear()
    producers = {node.name: node for node in graph.node}

    def maker(tensor: Any) -> str:
        """The tensor behind the nameless Identity in which tf.function wraps a result."""
        name = f"{renamed[tensor.op.name]}:{tensor.value_index}"
        while (node := producers[name.split(":")[0]]).op == "Identity" and _NAMELESS.match(node.name):
            source_name = node.input[0]
            name = source_name if ":" in source_name else f"{source_name}:0"
        return name

    inputs = [f"{renamed[tensor.op.name]}:0" for tensor in frozen.inputs]
    outputs = [maker(tensor) for tensor in frozen.outputs]
    if len(set(outputs)) != len(outputs) or set(outputs) & set(inputs):
        outputs = [f"{renamed[tensor.op.name]}:{tensor.value_index}" for tensor in frozen.outputs]
    return wrap_function.function_from_graph_def(graph, inputs, outputs)


_REFERENCE = re.compile(r"(\^?)([^:]+)((?::\d+)?)")
_NAMELESS = re.compile(r"(.+/)?Identity(_\d+)?$|Func/")
_CALLS = re.compile(r"^((Stateful)?PartitionedCall(_\d+)?/)+")
_COUNTED = re.compile(r"(.+)_\d+")


def _names(names: list[str], source: Source) -> dict[str, str]:
    """New name of every node: without the model's name, and with the layers' own instead of counted ones.

    Keras 3 traces ``net/conv`` as ``net_1/conv_1`` when the layer was called before; a SavedModel prefixes all with
    ``StatefulPartitionedCall/``.
    """
    layers, taken = set(source.layers), set(names)
    renamed: dict[str, str] = {}
    for name in names:
        first, *rest = _CALLS.sub("", name, count=1).split("/")
        if rest and source.name and _plain(first, {source.name}) == source.name:
            first, *rest = rest
        plain = "/".join([_plain(first, layers), *rest])
        renamed[name] = name if plain in taken else plain
        taken.add(plain)
    return renamed


def _plain(word: str, known: set[str]) -> str:
    """``word`` without the counter that tracing appended, if that makes it one of ``known``."""
    match = _COUNTED.fullmatch(word)
    if word not in known and match and match[1] in known:
        return match[1]
    return word


def _identifier(name: str) -> str:
    """``name`` as TensorFlow allows one."""
    cleaned = re.sub(r"[^A-Za-z0-9_.\\-]", "_", name)
    return cleaned if re.match(r"[A-Za-z0-9.]", cleaned) else f"input{cleaned}"
