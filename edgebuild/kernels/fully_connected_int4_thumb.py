"""FULLY_CONNECTED on Armv6-M for weights of 16 levels: four bits each, two of which a product takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_dense
from edgebuild.kernels._int4 import OFFSET, Levels
from edgebuild.kernels._thumb_filters import Filters, stream
from edgebuild.ops import Call

UNITS = 8
"""Units at a time."""

LEAST = 16
"""Products that a lane always holds: ``16 * 15 * 128 < 2^15``."""

MOST = 255
"""Weights, 8 added to each, that sum up to this at most make a sum that a lane holds."""


class FullyConnectedInt4Thumb(Variant):
    """Any layer of 16 levels with right shifts, and rows of whole words if there are several."""

    op = "fully_connected"
    template = "fully_connected/int4_thumb.c.j2"
    features = frozenset({"thumb"})
    compact = True
    code = 600

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_dense.possible(node, graph) and Levels.of(_thumb_dense.filters(node, graph).weights).narrow

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_dense.filters(node, graph)
        offset = _offset(node, graph)
        pairs = offset.reshape(-1, 2, 4, offset.shape[1]) << 4 * np.arange(4)[:, None]
        halves = pairs.sum(axis=2)
        weights = stream((halves[:, 0] | halves[:, 1] << 16).reshape(-1)[None])
        return call(node, graph, filters, weights, {"group": _group(offset)}, 0)

    def instructions(self, node: Node, graph: Graph) -> float:
        rows, features = _thumb_dense.extents(node, graph)
        offset = _offset(node, graph)
        eights, groups = len(offset) // UNITS, -(-offset.shape[1] // _group(offset))
        each = eights * (20 * offset.shape[1] + 40 * groups + 90) + 72 * graph.tensor(node, 1).shape[0]
        return rows * (each + 5.0 * features + 60)


def call(
    node: Node, graph: Graph, filters: Filters, weights: np.ndarray, scalars: dict[str, int | float], block: int
) -> Call:
    """The struct of the template.

    Args:
        scalars: what it has besides.
        block: inputs of a block that can be skipped, or 0.
    """
    found = _thumb_dense.call(node, graph, weights)
    step = Levels.of(filters.weights).step.astype(np.uint8)
    return replace(
        found,
        scalars={**found.scalars, **scalars},
        arrays={**found.arrays, "step": step},
        shape={**found.shape, "block": block},
    )


def _offset(node: Node, graph: Graph) -> np.ndarray:
    """Weights with 8 added, units in whole eights and inputs in whole fours; 0 for what the layer has not."""
    features = graph.tensor(node, 1).shape[1]
    filters = _thumb_dense.filters(node, graph)
    values = Levels.of(filters.weights).values[:, :features] + OFFSET
    return np.pad(values, ((0, -len(values) % UNITS), (0, filters.weights.shape[1] - features)))


def _group(offset: np.ndarray) -> int:
    """How many products a lane holds in all units: whole fours of inputs, as many as fit."""
    inputs, size = offset.shape[1], LEAST
    sums = np.pad(np.cumsum(offset, axis=1), ((0, 0), (1, 0)))
    while size < inputs:
        ends = np.minimum(np.arange(0, inputs, size + 4) + size + 4, inputs)
        if (np.diff(sums[:, np.append(0, ends)], axis=1) > MOST).any():
            break
        size += 4
    return size
