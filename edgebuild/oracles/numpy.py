"""edgebuild's own definition of every operator, evaluated in numpy."""

from __future__ import annotations

import numpy as np

from edgebuild import ops
from edgebuild.ir.graph import ABSENT, Graph
from edgebuild.oracles import Oracle, join, split


class Numpy(Oracle):
    """Evaluates the graph node by node."""

    def available(self) -> bool:
        return True

    def run(self, content: bytes, graph: Graph, inputs: np.ndarray) -> np.ndarray:
        return np.stack([join([v[i] for i in graph.outputs]) for v in (values(graph, row) for row in inputs)])


def values(graph: Graph, row: np.ndarray) -> dict[int, np.ndarray]:
    """Every tensor's value for one vector of input bytes, by tensor index."""
    known = {i: t.data for i, t in enumerate(graph.tensors) if t.data is not None}
    known.update(zip(graph.inputs, split(row, graph), strict=True))
    for node in graph.nodes:
        arguments = [None if i == ABSENT else known[i] for i in node.inputs]
        known.update(zip(node.outputs, ops.find(node.op).evaluate(node, graph, arguments), strict=True))
    return known
