"""EXPAND_DIMS: adds a dimension of extent 1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Case, _cases, _rules
from edgebuild.ops._alias import Alias, same_bytes


class ExpandDims(Alias):
    """The axis is the second input."""

    tflite = "EXPAND_DIMS"
    versions = range(1, 3)
    rules = (same_bytes, _rules.constant_parameters)

    def shape(self, node: Node, graph: Graph) -> tuple[int, ...]:
        source, axis = graph.tensor(node, 0).shape, graph.tensor(node, 1).data
        assert axis is not None
        at = int(axis.reshape(-1)[0])
        at = at + len(source) + 1 if at < 0 else at
        return (*source[:at], 1, *source[at:])

    def cases(self) -> Iterator[Case]:
        for axis, result in ((1, (1, 1, 5, 3)), (-1, (1, 5, 3, 1))):
            inputs = (_cases.activation("input", (1, 5, 3)), _cases.constant("axis", np.array([axis], np.int32)))
            yield Case(f"axis {axis}", _cases.graph("expand_dims", inputs, _cases.activation("output", result), {}, 1))
