"""CONV_2D with the DSP extension, for weights of at most sixteen values a filter: looked up once for eight pixels."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _dsp_single
from edgebuild.kernels._clusters import BITS, Clusters, levels
from edgebuild.ops import Call

EIGHT = 8
"""Indices that are read at once."""


class Conv2DClustersDsp(Variant):
    """Convolutions without groups of windows that the scratch memory holds, where indices take less than weights."""

    op = "conv_2d"
    template = "conv_2d/clusters_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    code = 2300
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        if not _dsp_single.possible(node, graph):
            return False
        found, rows = _clusters(node, graph), _dsp_single.Layer.of(node, graph).channels.weights
        return found is not None and _bytes(found) < rows.size and not levels(rows, found.bits)

    def context(self, node: Node, graph: Graph) -> Call:
        found, layer = _clusters(node, graph), _dsp_single.Layer.of(node, graph)
        assert found is not None
        arrays = {
            "channels": layer.head(),
            "indices": _packed(found).view(np.int8),
            "table": found.tables.reshape(-1),
        }
        shape = {"bits": found.bits, "each": int(len(found.tables) > 1)}
        return layer.call(node, graph, _eights(found.indices.shape[1]), arrays, shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        weight = graph.tensor(node, 1)
        return _dsp_single.scratch(node, graph, _eights(weight.elements // weight.shape[0]))

    def instructions(self, node: Node, graph: Graph) -> float:
        layer = _dsp_single.Layer.of(node, graph)
        filters, inputs = layer.channels.weights.shape
        return layer.instructions(filters * (70 * _eights(inputs) / EIGHT + 6))


def _clusters(node: Node, graph: Graph) -> Clusters | None:
    """The clusters of what is multiplied; filters whose output cannot vary have no weights."""
    return Clusters.of(_dsp_single.Layer.of(node, graph).channels.weights)


def _eights(inputs: int) -> int:
    return -(-inputs // EIGHT) * EIGHT


def _bytes(found: Clusters) -> int:
    return _eights(found.indices.shape[1]) * found.bits // 8 * len(found.indices) + found.tables.size


def _packed(found: Clusters) -> np.ndarray:
    """As many bytes as an index has bits for each eight of them, and what the last word is read beyond them."""
    padded = np.pad(found.indices, ((0, 0), (0, -found.indices.shape[1] % EIGHT)))
    words = (padded.reshape(-1, EIGHT).astype(np.int64) << found.bits * np.arange(EIGHT)).sum(axis=1)
    octets = words[:, None] >> 8 * np.arange(found.bits) & 0xFF
    return np.pad(octets.reshape(-1), (0, 1 if found.bits == BITS[1] else 0)).astype(np.uint8)
