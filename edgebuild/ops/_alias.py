"""Operators that only rename a shape: the output is the input's bytes, and no code is generated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Operator, Rule, TensorType


def same_bytes(node: Node, graph: Graph) -> bool:
    """Input and output must have the same elements, type and quantization.

    Check the model: a reshape cannot change its data.
    """
    source, result = graph.tensor(node, 0), graph.output(node)
    return (
        source.elements == result.elements
        and source.dtype is result.dtype
        and source.quantization == result.quantization
    )


class Alias(Operator):
    """The output is the input under another shape."""

    alias = True
    rules: ClassVar[tuple[Rule, ...]] = (same_bytes,)

    @abstractmethod
    def shape(self, node: Node, graph: Graph) -> tuple[int, ...]:
        """The new shape."""

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        return (TensorType(self.shape(node, graph), graph.tensor(node, 0).dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        assert inputs[0] is not None
        return (inputs[0].reshape(graph.output(node).shape),)
