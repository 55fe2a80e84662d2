"""FULLY_CONNECTED on Armv6-M: eight units at a time, no 64-bit arithmetic, no scratch memory."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_dense
from edgebuild.kernels._thumb_filters import stream
from edgebuild.ops import Call


class FullyConnectedThumb(Variant):
    """Layers whose sums fit 24 bits, and whose weights pair up as ``256 * odd + even`` in 16 bits."""

    op = "fully_connected"
    template = "fully_connected/thumb.c.j2"
    features = frozenset({"thumb"})
    code = 900

    def exact(self, node: Node, graph: Graph) -> bool:
        filters = _thumb_dense.filters(node, graph)
        least, greatest = filters.reach
        even = filters.weights[: len(filters.weights) // 2 * 2 : 2]
        pairs = 256 * filters.weights[1::2] + even
        return bool(
            _thumb_dense.possible(node, graph)
            and (np.maximum(greatest, -least) < 1 << 23).all()
            and (np.abs(2 * pairs + 1) < 1 << 16).all()
        )

    def context(self, node: Node, graph: Graph) -> Call:
        return _thumb_dense.call(node, graph, _packed(_thumb_dense.filters(node, graph).weights))

    def instructions(self, node: Node, graph: Graph) -> float:
        rows, features = _thumb_dense.extents(node, graph)
        units = graph.tensor(node, 1).shape[0]
        fours = -(-units // 4)
        return rows * (fours * (-(-features // 4)) * (52.0 + (5.5 if units > 4 else 11)) + 50 * units + 100)


def _packed(weights: np.ndarray) -> np.ndarray:
    """Words of four units, input by input: for eight units at a time, then for what is left."""
    units, features = weights.shape
    padded = np.pad(weights, ((0, -units % 4), (0, 0)))
    halves = (256 * padded[1::2] + padded[::2]) & 0xFFFF
    words = halves[::2] | halves[1::2] << 16
    whole = len(words) // 2 * 2
    eights = words[:whole].reshape(-1, 2, features).transpose(0, 2, 1)
    return stream(np.concatenate([eights.reshape(-1), words[whole:].reshape(-1)])[None])
