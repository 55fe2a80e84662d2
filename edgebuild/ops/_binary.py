"""What ADD and MUL share: broadcasting, rules, the rows they read, and cases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Case, Operator, Rows, TensorType, _cases, _rules


def at_most_four_dimensions(node: Node, graph: Graph) -> bool:
    """Broadcasting operands must have at most four dimensions.

    Reshape the operands to the same shape.
    """
    return same_shapes(node, graph) or len(graph.output(node).shape) <= 4


def int8_operands(node: Node, graph: Graph) -> bool:
    """Both operands must be int8 with one scale.

    Quantize the model to int8, constants included.
    """
    tensors = [graph.tensor(node, 0), graph.tensor(node, 1)]
    return all(t.dtype.value == "int8" and t.quantization and not t.quantization.per_channel for t in tensors)


class Binary(Operator):
    """An element-wise operator of two operands that may broadcast."""

    rules = (_rules.int8_activations, int8_operands, _rules.known_activation, at_most_four_dimensions)
    name: str

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        a, b = graph.tensor(node, 0), graph.tensor(node, 1)
        return (TensorType(tuple(np.broadcast_shapes(a.shape, b.shape)), a.dtype),)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        if graph.tensors[operand].shape != graph.output(node).shape:
            return None
        return Rows(stride=1, before=0, reach=1, input_row=1, output_row=1, in_place=True)

    def cases(self) -> Iterator[Case]:
        def case(
            name: str,
            a: tuple[int, ...],
            b: tuple[int, ...],
            scales: tuple[float, float, float] = (0.05, 0.03, 0.06),
            activation: str = "NONE",
            constant: bool = False,
        ) -> Case:
            left = _cases.activation("a", a, scales[0], -20)
            right = _cases.activation("b", b, scales[1], 31)
            if constant:
                data = _cases.random(name).integers(-128, 128, b).astype(np.int8)
                right = _cases.constant("b", data, right.quantization)
            output = _cases.activation("output", np.broadcast_shapes(a, b), scales[2], -4)
            options = {"fused_activation_function": activation}
            return Case(name, _cases.graph(self.name, (left, right), output, options, 2))

        yield case("same shape", (1, 5, 3, 4), (1, 5, 3, 4))
        yield case("residual, RELU", (1, 5, 3, 4), (1, 5, 3, 4), scales=(0.05, 0.025, 0.06), activation="RELU")
        yield case("channel vector", (1, 4, 3, 6), (6,), constant=True)
        yield case("scalar, RELU", (1, 3, 7), (1,), activation="RELU", constant=True)
        yield case("both broadcast", (1, 4, 1, 3), (1, 1, 5, 3))
        yield case("first operand broadcast, RELU6", (1, 1, 1, 4), (1, 3, 2, 4), activation="RELU6")
        yield case("scales far apart, saturating", (1, 2, 64), (1, 2, 64), scales=(0.9, 0.0007, 0.01))


def same_shapes(node: Node, graph: Graph) -> bool:
    """Whether neither operand broadcasts."""
    return graph.tensor(node, 0).shape == graph.tensor(node, 1).shape


def geometry(node: Node, graph: Graph) -> dict[str, int]:
    """Fields of a layer struct: extents of the output, and each operand's strides (0 where it broadcasts)."""
    result = graph.output(node)
    if same_shapes(node, graph):
        shape: tuple[int, ...] = (1, 1, 1, result.elements)
        strides: list[tuple[int, ...]] = [(0, 0, 0, 1), (0, 0, 0, 1)]
    else:
        shape = (1,) * (4 - len(result.shape)) + result.shape
        strides = [_strides(graph.tensor(node, i).shape) for i in (0, 1)]
    fields = {f"extent_{i}": n for i, n in enumerate(shape)}
    for letter, values in zip("ab", strides, strict=True):
        fields |= {f"{letter}_stride_{i}": s for i, s in enumerate(values)}
    return fields


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    padded = (1,) * (4 - len(shape)) + shape
    strides, step = [0] * 4, 1
    for i in (3, 2, 1, 0):
        strides[i] = step if padded[i] > 1 else 0
        step *= padded[i]
    return tuple(strides)
