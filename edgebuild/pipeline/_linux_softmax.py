"""int8 SOFTMAX, whose last unit LiteRT computes otherwise on 64-bit Arm than on x86.

That is an observation: on a classifier 9 of 20,160 output bytes differed, and none in front of its SOFTMAX.  When
outputs differ, the model is cut in front of its first SOFTMAX, and all bytes have to be equal there.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgebuild import frontends

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph, Node
    from edgebuild.pipeline.model import Model

UNITS = 1.0
"""Most that a SOFTMAX at the end of a model may differ by."""


def first(graph: Graph) -> Node | None:
    """The first int8 SOFTMAX of ``graph`` in the order of execution, or None."""
    nodes = (n for n in graph.nodes if n.op == "softmax" and graph.tensor(n, 0).dtype.value == "int8")
    return next(nodes, None)


def last(graph: Graph) -> bool:
    """Whether nothing but DEQUANTIZE follows the first SOFTMAX."""
    node = first(graph)
    assert node is not None
    rest = graph.nodes[graph.nodes.index(node) + 1 :]
    return all(n.op == "dequantize" for n in rest)


def before(prepared: Model, place: str) -> Model | None:
    """The model up to the input of its first SOFTMAX; None where that cannot be cut out."""
    node, graph = first(prepared.graph), prepared.graph
    if node is None or len(graph.outputs) != 1 or graph.tensor(node, 0).constant:
        return None
    content = frontends.move(prepared.content, graph.inputs, (node.inputs[0],), place)
    return dataclasses.replace(
        prepared, content=content, graph=frontends.find("tflite").read(content, graph.name, place)
    )
