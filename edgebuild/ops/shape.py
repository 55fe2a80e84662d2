"""SHAPE: the extents of a tensor, which batch 1 makes a constant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.ops import Case, Operator, TensorType, _cases


class Shape(Operator):
    """Exists at build time only."""

    tflite = "SHAPE"
    versions = range(1, 3)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        return (TensorType((len(graph.tensor(node, 0).shape),), graph.output(node).dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        return (np.array(graph.tensor(node, 0).shape, graph.output(node).dtype.numpy),)

    def cases(self) -> Iterator[Case]:
        output = _cases.activation("output", (3,), dtype=DType.INT32)
        source = _cases.activation("input", (1, 4, 2))
        yield Case("three dimensions", _cases.graph("shape", (source,), output, {"out_type": 2}, 1))
