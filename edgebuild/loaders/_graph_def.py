"""Reads the operations of a SavedModel from its protobuf wire format, without TensorFlow, and vets them.

A SavedModel's graph runs when it is loaded (initializers) and converted (constant folding).  So it may hold only
operations that compute, and those by which TensorFlow restores the variables.
Field numbers are those of TensorFlow's ``saved_model.proto``, ``meta_graph.proto``, ``graph.proto``,
``function.proto``, ``node_def.proto`` and ``op_def.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgebuild.errors import UsageError
from edgebuild.loaders._graph_operations import COMPUTING, RESTORING, SAVING


@dataclass(frozen=True)
class Operation:
    """A node: its operation, its name, and the function that it is part of (empty in the main graph)."""

    op: str
    name: str
    function: str


def read(raw: bytes) -> tuple[Operation, ...]:
    """All operations of the serialized SavedModel ``raw``.

    Raises:
        ValueError: it is cut off, or not a protobuf of this kind.
    """
    found: list[Operation] = []
    for meta_graph in _messages(raw, 2):
        for graph in _messages(meta_graph, 2):
            found += [_operation(node, "") for node in _messages(graph, 1)]
            for library in _messages(graph, 2):
                for function in _messages(library, 1):
                    name = "".join(_text(_first(signature, 1)) for signature in _messages(function, 1))
                    found += [_operation(node, name) for node in _messages(function, 3)]
    if not found:
        raise ValueError("it holds no graph")
    return tuple(found)


def vet(operations: tuple[Operation, ...], place: str) -> None:
    """Refuse what reads or writes files, runs Python, or is not known to be harmless.

    Raises:
        UsageError: naming every such operation.
    """
    bad = sorted(
        {
            f"{operation.op} ({operation.name})"
            for operation in operations
            if operation.op not in COMPUTING
            and not (operation.op in RESTORING and "traced_restore" in operation.function)
            and not (operation.op in SAVING and "traced_save" in operation.function)
        }
    )
    if bad:
        raise UsageError(
            place,
            "holds operations that do more than compute, or that edgebuild does not know to be safe",
            "export the model without them; --allow-unsafe-model loads it all the same, and runs what it contains",
            tuple(bad[:20]),
        )


def _operation(node: bytes, function: str) -> Operation:
    return Operation(_text(_first(node, 2)), _text(_first(node, 1)), function)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _first(message: bytes, field: int) -> bytes:
    return next(_messages(message, field), b"")


def _messages(message: bytes, field: int) -> Iterator[bytes]:
    """The length-delimited values of ``field`` in ``message``."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, at = _varint(message, at)
            if at + size > end:
                raise ValueError(f"a field of {size} bytes runs past the end")
            if tag >> 3 == field:
                yield message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind} is not known")
    if at > end:
        raise ValueError("a number runs past the end")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("a number runs past the end")
        value |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not message[at - 1] & 0x80:
            return value, at
