"""What the Helium convolutions share: the layer's numbers, and what a tile of the matrix kernels costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild import ops
from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._mve_output import Form, Output
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window

TILE = 4
"""Pixels that a tile takes at once."""

SHORT = 128
"""Depth up to which a tile's loop over the depth can be unrolled, its pixels at fixed distances."""

CHUNK_CODE = 14 * 4
"""Bytes of code that multiply a chunk of 16 in the loop for any depth."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """A CONV_2D node.

    Attributes:
        weights: ``(filters, kernel_height, kernel_width, channels / groups)``.
    """

    window: Window
    channels: int
    filters: int
    groups: int
    weights: np.ndarray
    output: Output
    input_zero_point: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Convolution:
        """The numbers of ``node``."""
        source, weight, bias = graph.tensor(node, 0), graph.tensor(node, 1), graph.optional(node, 2)
        assert weight.data is not None
        filters, height, width, depth = weight.shape
        requantization = Requantization.of(node, graph, filters)
        sums = weight.data.reshape(filters, -1).sum(axis=1, dtype=np.int64)
        folded = bias_or_zeros(bias.data if bias else None, filters)
        return cls(
            Window.of(node, graph, (height, width)),
            source.shape[3],
            filters,
            source.shape[3] // depth,
            weight.data,
            Output.of(requantization, folded, sums, source.zero_point),
            source.zero_point,
        )

    @property
    def pixels(self) -> int:
        """Output pixels."""
        return self.window.output[0] * self.window.output[1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.pixels * self.weights.size

    @property
    def rows(self) -> np.ndarray:
        """Weights as one row a filter."""
        return self.weights.reshape(self.filters, -1)


def tile_instructions(form: Form, depth: int, quads: int, unroll: int = 0) -> float:
    """Executed instructions of one tile of four pixels.

    Args:
        depth: of the sum, in bytes.
        unroll: chunks in a round of the loop for any depth; 0 where the loop is unrolled.
    """
    chunks = -(-depth // 16)
    requantize = 15 + (0, 4, 12)[form.rounding] - 2 * form.wide + (chunks == 1 and not unroll)
    finish = (4, 3, 9)[form.clamp] + 1
    if unroll:
        products = 14 * chunks + 2 * -(-chunks // unroll) + 3
        return quads * (2 * (products + requantize) + finish + 9) + 26
    products = 10 if chunks == 1 else 14 * chunks - 2
    return quads * (2 * (products + requantize) + finish + 2) + 8


def small_tile_instructions(form: Form, depth: int, quads: int, unroll: int) -> float:
    """The same in the small form: ``depth`` is a multiple of 4, whose first chunk may be smaller than 16."""
    chunks = depth // 16
    requantize = 15 + (0, 4, 12)[form.rounding] - 2 * form.wide
    finish = (4, 3, 9)[form.clamp] + 1
    products = 14 * chunks + 2 * -(-chunks // unroll) + (17 if depth % 16 else 0) + 4
    return quads * (2 * (products + requantize + 10) + finish + 5) + 25


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of the whole model, at least 1."""
    return max(sum(ops.find(n.op).cost(n, graph).macs for n in graph.nodes if ops.known(n.op)), 1)
