"""The graph: tensors, nodes and the model's inputs and outputs.  Values are frozen; passes build new ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgebuild.ir.types import DType, Quantization

ABSENT = -1
"""Index of an optional input that a node does not have, as in TFLite."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph.

    Attributes:
        name: as in the model file; usually begins with the layer's name.
        shape: dimensions; batch is always 1 once read.
        data: the constant's elements with this shape, or None for a value computed at run time.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: np.ndarray | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return self.elements * self.dtype.bytes

    @property
    def constant(self) -> bool:
        """Whether the value is known at build time."""
        return self.data is not None

    @property
    def scale(self) -> float:
        """Per-tensor scale; 1.0 for a tensor that is not quantized."""
        return self.quantization.scale if self.quantization else 1.0

    @property
    def zero_point(self) -> int:
        """Per-tensor zero point; 0 for a tensor that is not quantized."""
        return self.quantization.zero_point if self.quantization else 0


@dataclass(frozen=True)
class Node:
    """One operator of the model.

    Attributes:
        op: public name of its plugin in ``edgebuild.ops`` (``conv_2d``), or the TFLite name in lower
            case when no plugin knows it.
        inputs, outputs: tensor indices; :data:`ABSENT` for an optional input left out.
        options: the operator's attributes, snake_case, as in TFLite's schema.
        name: the layer's name in the user's model, derived from the output tensor's.
        version: operator version in the file.
    """

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    version: int = 1


@dataclass(frozen=True)
class Graph:
    """A model: nodes in execution order.

    Attributes:
        name: C identifier that prefixes every generated symbol.
    """

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def tensor(self, node: Node, position: int) -> Tensor:
        """Input ``position`` of ``node``.

        Raises:
            IndexError: the node has no such input.
        """
        index = node.inputs[position]
        if index == ABSENT:
            raise IndexError(position)
        return self.tensors[index]

    def optional(self, node: Node, position: int) -> Tensor | None:
        """Input ``position`` of ``node``, or None when it is left out."""
        if position >= len(node.inputs) or node.inputs[position] == ABSENT:
            return None
        return self.tensors[node.inputs[position]]

    def output(self, node: Node, position: int = 0) -> Tensor:
        """Output ``position`` of ``node``."""
        return self.tensors[node.outputs[position]]

    def runtime_inputs(self, node: Node) -> tuple[int, ...]:
        """Indices of the inputs that are computed at run time, in order."""
        return tuple(i for i in node.inputs if i != ABSENT and not self.tensors[i].constant)
