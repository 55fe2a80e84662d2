"""PAD: int8, rows, columns and channels filled with the zero point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, TensorType, _cases, _rules


def at_most_four_dimensions(node: Node, graph: Graph) -> bool:
    """At most four dimensions can be padded.

    Reshape to four dimensions before this layer.
    """
    return len(graph.tensor(node, 0).shape) <= 4


class Pad(Operator):
    """Padding is constant; what is added is the real number zero."""

    tflite = "PAD"
    versions = range(1, 5)
    rules = (
        _rules.int8_activations,
        _rules.constant_parameters,
        _rules.same_quantization,
        at_most_four_dimensions,
    )

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "pad/portable.c.j2", includes=("string.h",)),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source = graph.tensor(node, 0)
        shape = tuple(n + b + a for n, (b, a) in zip(source.shape, _paddings(node, graph), strict=True))
        return (TensorType(shape, source.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        assert inputs[0] is not None
        return (np.pad(inputs[0], _paddings(node, graph), constant_values=graph.output(node).zero_point),)

    def cases(self) -> Iterator[Case]:
        def case(name: str, shape: tuple[int, ...], paddings: Sequence[tuple[int, int]]) -> Case:
            source = _cases.activation("input", shape, zero_point=-11)
            padded = tuple(n + b + a for n, (b, a) in zip(shape, paddings, strict=True))
            amounts = _cases.constant("paddings", np.array(paddings, np.int32))
            output = _cases.activation("output", padded, zero_point=-11)
            return Case(name, _cases.graph("pad", (source, amounts), output, {}, 2))

        yield case("image, as before a strided convolution", (1, 4, 5, 3), [(0, 0), (0, 1), (0, 1), (0, 0)])
        yield case("every side and channel", (1, 3, 2, 2), [(0, 0), (2, 1), (1, 3), (1, 2)])
        yield case("two dimensions", (1, 6), [(0, 0), (2, 3)])


def _paddings(node: Node, graph: Graph) -> list[tuple[int, int]]:
    data = graph.tensor(node, 1).data
    assert data is not None
    return [(int(before), int(after)) for before, after in data.reshape(-1, 2)]


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct: four dimensions, missing ones in front."""
    source = graph.tensor(node, 0)
    missing = 4 - len(source.shape)
    shape = (1,) * missing + source.shape
    paddings = [(0, 0)] * missing + _paddings(node, graph)
    scalars = {"value": graph.output(node).zero_point}
    for i, (extent, (before, after)) in enumerate(zip(shape, paddings, strict=True)):
        scalars |= {f"extent_{i}": extent, f"before_{i}": before, f"after_{i}": after}
    return Call(operands=(node.inputs[0],), scalars=scalars)
