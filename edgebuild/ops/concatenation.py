"""CONCATENATION: int8 tensors side by side along one axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, TensorType, _cases, _rules


def no_activation(node: Node, graph: Graph) -> bool:
    """The fused activation must be NONE.

    Put the activation in a layer of its own.
    """
    return bool(node.options.get("fused_activation_function", "NONE") == "NONE")


def at_most_eight_operands(node: Node, graph: Graph) -> bool:
    """At most eight tensors can be concatenated at once.

    Concatenate in two steps.
    """
    return len(node.inputs) <= MOST_OPERANDS


MOST_OPERANDS = 8


class Concatenation(Operator):
    """A copy: the converter gives all operands the output's scale."""

    tflite = "CONCATENATION"
    versions = range(1, 4)
    rules = (_rules.int8_activations, _rules.same_quantization, no_activation, at_most_eight_operands)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "concatenation/portable.c.j2", gather=True, includes=("string.h",)),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        first, axis = graph.tensor(node, 0), _axis(node, graph)
        shape = list(first.shape)
        shape[axis] = sum(graph.tensors[i].shape[axis] for i in node.inputs)
        return (TensorType(tuple(shape), first.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        return (np.concatenate([i for i in inputs if i is not None], axis=_axis(node, graph)),)

    def cases(self) -> Iterator[Case]:
        def case(name: str, shapes: Sequence[tuple[int, ...]], axis: int) -> Case:
            inputs = [_cases.activation("input", shape) for shape in shapes]
            joined = list(shapes[0])
            joined[axis] = sum(shape[axis] for shape in shapes)
            options = {"axis": axis, "fused_activation_function": "NONE"}
            return Case(name, _cases.graph("concatenation", inputs, _cases.activation("output", joined), options, 2))

        yield case("channels", [(1, 3, 4, 5), (1, 3, 4, 2), (1, 3, 4, 1)], 3)
        yield case("rows", [(1, 3, 4, 2), (1, 1, 4, 2)], 1)
        yield case("negative axis", [(1, 7), (1, 9)], -1)
        yield case("eight operands", [(1, 2, i + 1) for i in range(8)], 2)


def _axis(node: Node, graph: Graph) -> int:
    return int(node.options["axis"]) % len(graph.tensor(node, 0).shape)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct: bytes of each operand per outer step; the pointers come as one array."""
    axis, result = _axis(node, graph), graph.output(node)
    inner = [math.prod(graph.tensors[i].shape[axis:]) for i in node.inputs]
    return Call(
        operands=node.inputs,
        scalars={"outer": math.prod(result.shape[:axis]), "operands": len(inner)},
        arrays={"bytes": np.array(inner, np.int32)},
    )
