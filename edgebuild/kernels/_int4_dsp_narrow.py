"""Convolutions of 16 levels on the DSP extension whose blocks of four filters times two inputs may be skipped."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _dsp_pairs, _sparse_blocks
from edgebuild.kernels._dsp_channels import words
from edgebuild.kernels._int4_dsp import Int4Convolution
from edgebuild.kernels._sparse_dsp_conv import REACH, UNITS, SparseConvolution

INPUTS = 2
"""Inputs of a block."""


@dataclass(frozen=True, eq=False)
class NarrowBlocks:
    """A convolution of 16 levels; the windows' order is neighbours."""

    whole: Int4Convolution

    @classmethod
    def of(cls, node: Node, graph: Graph) -> NarrowBlocks:
        """The blocks of ``node``."""
        found = SparseConvolution.of(node, graph)
        rows, rest = found.dense.window.kernel[0], int(found.call.scalars["row_rest"])
        order = _dsp_pairs.window_order(rows, found.dense.run, rest, neighbours=True)
        return cls(Int4Convolution(replace(found, order=order), False))

    @property
    def groups(self) -> list[list[tuple[int, int]]]:
        """Pairs of filters that share skips, in twos."""
        pairs = _dsp_pairs.pairs(len(self.whole.channels.bias))
        return [pairs[first : first + 2] for first in range(0, len(pairs), 2)]

    @functools.cached_property
    def values(self) -> np.ndarray:
        """``(filters, blocks, inputs)``."""
        padded = np.pad(self.whole.levels.values, ((0, 0), (0, 1)))
        return padded[:, self.whole.sparse.order]

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Which blocks each group stores: an even number, for two share a word."""
        kept = self.values.any(axis=2)
        rows = [kept[[c for pair in group for c in pair]].any(axis=0) for group in self.groups]
        return [_sparse_blocks.even(row, REACH) for row in rows]

    @property
    def words(self) -> int:
        """Words of weights."""
        return sum(len(group) * len(blocks) // 2 for group, blocks in zip(self.groups, self.stored, strict=True))

    @property
    def bytes(self) -> int:
        """Bytes of all weights, and of what says which blocks they are."""
        return 4 * self.words + sum(map(len, self.stored))

    def packed(self) -> dict[str, np.ndarray]:
        """The arrays of the struct: pair after pair its words, steps and biases, and requantization; and the skips."""
        stream: list[np.ndarray] = []
        for group, blocks in zip(self.groups, self.stored, strict=True):
            for even, odd in group:
                octets = 16 * self.values[odd, blocks] + self.values[even, blocks]
                # of two blocks the inputs in turn: SXTB16 takes bytes 0 and 2, rotated 1 and 3
                octets = octets.reshape(-1, 2, INPUTS).transpose(0, 2, 1)
                stream.append(octets.astype(np.int8).reshape(-1).view("<i4"))
                stream += self.whole.outputs(even, odd)
        skips = [_sparse_blocks.skips(blocks, UNITS) for blocks in self.stored]
        return {"weights": words(np.concatenate(stream)), "skips": np.concatenate(skips)}
