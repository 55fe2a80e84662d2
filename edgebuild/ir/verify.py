"""Checks that a graph is one: run after reading and after every pass."""

from __future__ import annotations

from edgebuild.ir.graph import ABSENT, Graph


def verify(graph: Graph) -> None:
    """Insist on the invariants that every stage relies on.

    Raises:
        AssertionError: a bug in edgebuild, with what is wrong.
    """
    known = {i for i, t in enumerate(graph.tensors) if t.constant} | set(graph.inputs)
    made: set[int] = set()
    for number, node in enumerate(graph.nodes):
        where = f"node {number} ({node.op} {node.name!r})"
        for index in (*node.inputs, *node.outputs):
            assert index == ABSENT or 0 <= index < len(graph.tensors), f"{where} mentions tensor {index}"
        for index in node.inputs:
            assert index == ABSENT or index in known, f"{where} reads tensor {index} before it is made"
        for index in node.outputs:
            assert index not in made and index not in known, f"{where} makes tensor {index} again"
        made |= set(node.outputs)
        known |= made
    for index in graph.outputs:
        assert index in known, f"output tensor {index} is never made"
    for tensor in graph.tensors:
        if tensor.data is not None:
            assert tensor.data.shape == tensor.shape, f"{tensor.name!r}: data {tensor.data.shape}, shape {tensor.shape}"
