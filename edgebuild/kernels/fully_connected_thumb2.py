"""FULLY_CONNECTED on Armv7-M without DSP: eight units at a time, no scratch memory."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_dense
from edgebuild.ops import Call


class FullyConnectedThumb2(Variant):
    """Any layer with right shifts, a bias that fits, and rows of whole words if there are several."""

    op = "fully_connected"
    template = "fully_connected/thumb2.c.j2"
    features = frozenset({"thumb2"})
    code = 720

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_dense.possible(node, graph)

    def context(self, node: Node, graph: Graph) -> Call:
        weights = _thumb_dense.filters(node, graph).weights.astype(np.int8)
        whole = len(weights) // 8 * 8
        eights = weights[:whole].reshape(-1, 8, weights.shape[1]).transpose(0, 2, 1)
        return _thumb_dense.call(node, graph, np.concatenate([eights.reshape(-1), weights[whole:].reshape(-1)]))

    def instructions(self, node: Node, graph: Graph) -> float:
        rows, features = _thumb_dense.extents(node, graph)
        units = graph.tensor(node, 1).shape[0]
        eights, rest = divmod(units, 8)
        padded = -(-features // 4) * 4
        return rows * (padded * (17.5 * eights + 5 * rest) + 70 * eights + 24 * units + 60)
