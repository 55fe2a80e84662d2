"""A convolution on the DSP extension whose blocks of two filters times four inputs are skipped where they are zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _dsp_pairs, _sparse_blocks
from edgebuild.kernels._dsp_conv import TILE, Convolution
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window

INPUTS = 4
"""Inputs of a block."""

DENSE_BLOCK = 17.375
"""Instructions that the dense kernel takes for one, and three pixels."""

UNITS = 3
"""A byte counts skipped blocks in the eight bytes that one address step is: a block of three pixels takes 24."""

REACH = (_sparse_blocks.LAST - 1) // UNITS
"""Blocks that can be skipped at once; a longer gap has a block of zeros in between."""


def convolution(node: Node, graph: Graph) -> Convolution:
    """The CONV_2D ``node`` as the DSP kernels see it."""
    weight, bias = graph.tensor(node, 1), graph.optional(node, 2)
    assert weight.data is not None
    filters, height, width, _ = weight.shape
    return Convolution.of(
        Window.of(node, graph, (height, width)),
        weight.data,
        bias_or_zeros(bias.data if bias else None, filters),
        graph.tensor(node, 0).zero_point,
        Requantization.of(node, graph, filters),
    )


@dataclass(frozen=True, eq=False)
class SparseConvolution:
    """A convolution and its blocks.

    Attributes:
        call: the struct of the dense kernel for the same layer.
        order: which inputs the stream's halfwords meet, ``(words, 2)``; -1 for none.
    """

    dense: Convolution
    call: Call
    order: np.ndarray
    width: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> SparseConvolution:
        """The blocks of ``node``."""
        dense, width = convolution(node, graph), graph.output(node).shape[2]
        call = dense.call(node.inputs[0], width)
        rest = int(call.scalars["row_rest"])
        return cls(dense, call, _dsp_pairs.window_order(dense.window.kernel[0], dense.run, rest), width)

    @functools.cached_property
    def blocks(self) -> list[np.ndarray]:
        """Of each pair of filters, which blocks of four inputs are stored."""
        channels = self.dense.channels
        pairs = _dsp_pairs.pairs(len(channels.bias))
        rows = channels.weights[np.array(pairs).reshape(-1)]
        padded = np.concatenate([rows, np.zeros((len(rows), 1), np.int64)], axis=1)
        kept = _sparse_blocks.kept(padded[:, self.order.reshape(-1)], 2, INPUTS)
        return [_sparse_blocks.stored(row, REACH) for row in kept]

    @property
    def stored(self) -> int:
        """Stored blocks of all pairs."""
        return sum(len(blocks) for blocks in self.blocks)

    @property
    def exact(self) -> bool:
        """Whether the sums come apart, requantization is exact, and the stream is no longer than a dense one."""
        whole = len(self.blocks) * len(self.order) // 2
        return self.dense.exact and self.dense.channels.form != "general" and 9 * self.stored <= 8 * whole

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """Words, pair after pair: biases, the stored blocks, requantization; and the bytes that say which they are."""
        channels, quads = self.dense.channels, self.order.reshape(-1, 2, 2)
        words, skips = [], []
        for pair, blocks in zip(_dsp_pairs.pairs(len(channels.bias)), self.blocks, strict=True):
            order = quads[blocks].reshape(-1, 2)
            words += [_dsp_pairs.biases(channels, pair), _dsp_pairs.weights(channels, pair, order)]
            words.append(_dsp_pairs.requantization(channels, pair))
            skips.append(_sparse_blocks.skips(blocks, UNITS))
        return np.concatenate(words), np.concatenate(skips)

    def instructions(self, block: float, outputs: float, stored: int) -> float:
        """Executed instructions of one inference: the dense kernel's, but for the blocks.

        Args:
            block: instructions of a stored block, for a tile of three pixels.
            outputs: what a pair of filters takes more than in the dense kernel.
            stored: blocks.
        """
        pixels, pairs = self.dense.window.output[0] * self.dense.window.output[1], len(self.blocks)
        whole = pairs * len(self.order) // 2
        tiles, rest = divmod(pixels, TILE)
        if rest == 2 and self.width >= TILE:
            tiles, rest = tiles + 1, 0
        more = block * stored + outputs * pairs
        dense = self.dense.instructions(self.width)
        # the dense kernel makes the last ones of a narrow image one by one, this one as whole tiles
        return dense + tiles * (more - DENSE_BLOCK * whole) + rest * (more + 20 * pairs - 10 * whole)
