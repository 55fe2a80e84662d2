"""CONV_2D with the DSP extension, for weights pruned one by one: eight pixels at a time for each that is not zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _dsp_single, _sparse_blocks
from edgebuild.ops import Call

REACH = _sparse_blocks.LAST - 1
"""Inputs that can be skipped at once; a longer gap has a weight of zero in between."""


@dataclass(frozen=True, eq=False)
class _Single(_dsp_single.Layer):
    """A convolution and its weights that are not zero."""

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Of each filter, which weights are stored."""
        return [_sparse_blocks.stored(row != 0, REACH) for row in self.channels.weights]

    @property
    def twos(self) -> int:
        """Twos of stored weights, of all filters."""
        return sum(-(-len(kept) // 2) for kept in self.stored)

    def packed(self) -> np.ndarray:
        """Each filter's weights in twos."""
        parts = []
        for row, kept in zip(self.channels.weights, self.stored, strict=True):
            skips = np.diff(kept, prepend=-1) - 1
            values = row[kept]
            if len(kept) % 2:  # an input further on, with a weight of zero; its word may lie behind the last one
                skips, values = np.append(skips, 0), np.append(values, 0)
            skips[-1] |= _sparse_blocks.LAST
            twos = np.concatenate([skips.reshape(-1, 2), values.reshape(-1, 2) & 0xFF], axis=1)
            parts.append(twos.astype(np.uint8).reshape(-1))
        return np.asarray(np.concatenate(parts).view(np.int8))


class Conv2DSparseSingleDsp(Variant):
    """Convolutions without groups whose windows have at most :data:`_dsp_single.LARGEST` inputs."""

    op = "conv_2d"
    template = "conv_2d/sparse_single_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    skips = (1, 1)
    code = 1600
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        possible = _dsp_single.possible(node, graph)
        return possible and 4 * _single(node, graph).twos <= graph.tensor(node, 1).elements

    def context(self, node: Node, graph: Graph) -> Call:
        single = _single(node, graph)
        arrays = {"channels": single.head(), "weights": single.packed()}
        # one input more, which a filler of zero may meet
        return single.call(node, graph, single.channels.weights.shape[1] + 1, arrays, {})

    def scratch(self, node: Node, graph: Graph) -> int:
        weight = graph.tensor(node, 1)
        return _dsp_single.scratch(node, graph, weight.elements // weight.shape[0] + 1)

    def instructions(self, node: Node, graph: Graph) -> float:
        single = _single(node, graph)
        return single.instructions(20 * single.twos)


def _single(node: Node, graph: Graph) -> _Single:
    layer = _dsp_single.Layer.of(node, graph)
    return _Single(layer.dense, layer.channels)
