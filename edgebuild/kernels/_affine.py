"""ADD as one affine form: what its kernels for different cores share."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._dsp_affine import Affine, fitted
from edgebuild.ops import Call, add, find
from edgebuild.ops._binary import same_shapes


def form(node: Node, graph: Graph) -> Affine | None:
    """The affine form of an ADD, or None where its operands broadcast or none was found."""
    if not same_shapes(node, graph):
        return None
    every = np.arange(-128, 128).astype(np.int8)
    a, b = np.meshgrid(every, every, indexing="ij")
    (table,) = find("add").evaluate(node, graph, (a, b))
    scale = graph.output(node).scale
    return fitted(table.tobytes(), graph.tensor(node, 0).scale / scale, graph.tensor(node, 1).scale / scale)


def call(node: Node, graph: Graph, clamp: str) -> Call:
    """The kernels' struct.

    Args:
        clamp: the template's name for whether the clamp is tighter than int8.
    """
    found = form(node, graph)
    assert found is not None
    limits = {name: add.context(node, graph).scalars[name] for name in ("output_min", "output_max")}
    narrow = tuple(limits.values()) != (-128, 127)
    scalars: dict[str, int | float] = {
        "elements": graph.output(node).elements,
        "a_factor": found.a_factor,
        "b_factor": found.b_factor,
        "offset": found.offset,
    }
    return Call(node.inputs[:2], scalars | (limits if narrow else {}), {}, {"shift": found.shift, clamp: int(narrow)})
