"""PACK of constants: how Keras puts a shape together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.ops import Case, Operator, TensorType, _cases


class Pack(Operator):
    """Exists at build time only."""

    tflite = "PACK"
    versions = range(1, 5)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        shape = list(graph.tensor(node, 0).shape)
        axis = node.options["axis"]
        shape.insert(axis if axis >= 0 else axis + len(shape) + 1, len(node.inputs))
        return (TensorType(tuple(shape), graph.tensor(node, 0).dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        return (np.stack([i for i in inputs if i is not None], axis=node.options["axis"]),)

    def cases(self) -> Iterator[Case]:
        scalars = [_cases.activation("input", (), dtype=DType.INT32) for _ in range(3)]
        output = _cases.activation("output", (3,), dtype=DType.INT32)
        yield Case("three scalars", _cases.graph("pack", scalars, output, {"axis": 0, "values_count": 3}, 2))
