"""CONV_2D in plain C for weights of at most sixteen values a filter: a table, and two to four bits a weight."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._clusters import Clusters, folded
from edgebuild.ops import Call, conv_2d
from edgebuild.ops._requantization import bias_or_zeros

PIXELS = 4
"""Pixels that share a decoded weight."""


class Conv2DClusters(Variant):
    """Any convolution without groups, on any Cortex-M."""

    op = "conv_2d"
    template = "conv_2d/clusters.c.j2"
    features = frozenset({"thumb"})
    compact = True
    code = 1200
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        rows = _rows(node, graph)
        found = Clusters.of(rows)
        return found is not None and found.smaller(rows) and _bias(node, graph) is not None

    def scratch(self, node: Node, graph: Graph) -> int:
        found = Clusters.of(_rows(node, graph))
        assert found is not None
        return PIXELS * found.words * found.per_word

    def context(self, node: Node, graph: Graph) -> Call:
        portable = conv_2d.context(node, graph)
        found, bias = Clusters.of(_rows(node, graph)), _bias(node, graph)
        assert found is not None and bias is not None
        scalars = {k: v for k, v in portable.scalars.items() if k not in ("group_channels", "filters_per_group")}
        return Call(
            operands=portable.operands,
            scalars={**scalars, **found.scalars()},
            arrays={**found.arrays(), **{k: v for k, v in portable.arrays.items() if k != "weights"}, "bias": bias},
            shape={"bits": found.bits},
        )

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Clusters.of(_rows(node, graph))
        assert found is not None
        filters, taps = found.indices.shape
        tiles = -(-(graph.output(node).elements // filters) // PIXELS)
        each = found.words * found.per_word * 22.0 + 10 * found.words + 400
        return tiles * (filters * each + PIXELS * (taps * 5 + 60))


def _rows(node: Node, graph: Graph) -> np.ndarray:
    data = graph.tensor(node, 1).data
    assert data is not None
    return data.reshape(len(data), -1)


def _bias(node: Node, graph: Graph) -> np.ndarray | None:
    rows, bias = _rows(node, graph), graph.optional(node, 2)
    return folded(rows, bias_or_zeros(bias.data if bias else None, len(rows)), graph.tensor(node, 0).zero_point)
