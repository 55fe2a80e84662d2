"""Moves the border of a ``.tflite``: which tensors are its inputs and outputs.

A model that was quantized with float input and output begins with QUANTIZE and ends with DEQUANTIZE,
and often SOFTMAX.  A device rarely wants these.  Nothing is serialized again: the file is copied, the
border's indices are overwritten in place and operators that nobody needs any more are dropped from
the list, so every other byte stays the user's own.
"""

from __future__ import annotations

import struct
from typing import Any

from edgebuild.frontends.tflite import open_model
from edgebuild.ir.graph import Graph, Node


def trimmed(graph: Graph, *, int8: bool, softmax: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Inputs and outputs (tensor indices) after the border has moved.

    Args:
        int8: drop QUANTIZE from float at the inputs and DEQUANTIZE to float at the outputs.
        softmax: keep a final SOFTMAX; False drops it.
    """
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    for position, index in enumerate(inputs):
        readers = [n for n in graph.nodes if index in n.inputs]
        if int8 and index not in outputs and len(readers) == 1 and _from_float(readers[0], graph):
            inputs[position] = readers[0].outputs[0]
    for position, index in enumerate(outputs):
        maker = _maker(graph, index)
        if int8 and maker is not None and maker.op == "dequantize":
            outputs[position] = index = maker.inputs[0]
            maker = _maker(graph, index)
        if not softmax and maker is not None and maker.op == "softmax":
            outputs[position] = maker.inputs[0]
    return tuple(inputs), tuple(outputs)


def _from_float(node: Node, graph: Graph) -> bool:
    return node.op == "quantize" and graph.tensors[node.inputs[0]].dtype.value == "float32"


def _maker(graph: Graph, tensor: int) -> Node | None:
    return next((n for n in graph.nodes if tensor in n.outputs), None)


def move(content: bytes, inputs: tuple[int, ...], outputs: tuple[int, ...], place: str) -> bytes:
    """The same model between other tensors.

    Args:
        content: a ``.tflite`` with one subgraph that has as many inputs and outputs as given.
    """
    patched = bytearray(content)
    model = open_model(content, place)
    subgraph = model.Subgraphs(0)
    renamed: dict[int, int] = {}
    for field, new in ((_INPUTS, inputs), (_OUTPUTS, outputs)):
        start = _vector(subgraph, field)
        for i, index in enumerate(new):
            (old,) = struct.unpack_from("<i", content, start + 4 * i)
            renamed[old] = index
            struct.pack_into("<i", patched, start + 4 * i, index)
    _keep_operators(patched, content, subgraph, _needed(subgraph, inputs, outputs))
    for i in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(i)
        entries = [signature.Inputs(j) for j in range(signature.InputsLength())]
        entries += [signature.Outputs(j) for j in range(signature.OutputsLength())]
        for entry in entries:
            offset = entry._tab.Offset(_SIGNATURE_TENSOR)
            if offset and entry.TensorIndex() in renamed:
                struct.pack_into("<I", patched, entry._tab.Pos + offset, renamed[entry.TensorIndex()])
    return bytes(patched)


# Slots of the schema's tables, as flatbuffers numbers them: 4 + 2 * field.
_INPUTS, _OUTPUTS, _OPERATORS, _SIGNATURE_TENSOR = 6, 8, 10, 6


def _vector(table: Any, slot: int) -> int:
    """Byte offset of the first element of a table's vector."""
    return int(table._tab.Vector(table._tab.Offset(slot)))


def _needed(subgraph: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> list[int]:
    """Positions of the operators between ``inputs`` and ``outputs``, in order."""
    operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
    wanted, keep = set(outputs) - set(inputs), []
    for position in reversed(range(len(operators))):
        made = {int(t) for t in operators[position].OutputsAsNumpy()}
        if made & wanted:
            keep.append(position)
            used = operators[position].InputsAsNumpy() if operators[position].InputsLength() else ()
            wanted = (wanted | {int(t) for t in used}) - made - set(inputs)
    return keep[::-1]


def _keep_operators(patched: bytearray, content: bytes, subgraph: Any, keep: list[int]) -> None:
    """Shorten the vector of operators; its elements are offsets relative to their own place."""
    start = _vector(subgraph, _OPERATORS)
    targets = [start + 4 * i + struct.unpack_from("<I", content, start + 4 * i)[0] for i in keep]
    struct.pack_into("<I", patched, start - 4, len(keep))
    for i, target in enumerate(targets):
        struct.pack_into("<I", patched, start + 4 * i, target - (start + 4 * i))
