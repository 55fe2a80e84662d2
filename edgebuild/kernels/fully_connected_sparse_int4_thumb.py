"""FULLY_CONNECTED on Armv6-M for pruned weights of 16 levels: blocks of four units are skipped where zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _sparse_blocks, _thumb_dense
from edgebuild.kernels._int4 import OFFSET, Levels
from edgebuild.kernels._thumb_filters import stream
from edgebuild.kernels.fully_connected_int4_thumb import MOST, FullyConnectedInt4Thumb, call
from edgebuild.ops import Call

UNITS = 4
"""That share blocks."""

BLOCKS = {4: 57, 2: 34}
"""Inputs of a block, and its instructions."""

SPILL = 0x40
"""Flag of a block before which lanes are emptied."""

REACH = SPILL - 1
"""Blocks that a byte can skip; a longer gap has a block of zeros in between."""


@dataclass(frozen=True, eq=False)
class _Blocks:
    """``values`` is ``(groups of units, blocks, units, inputs)``."""

    values: np.ndarray

    @classmethod
    def of(cls, node: Node, graph: Graph) -> _Blocks:
        """The blocks that take the fewest instructions."""
        values = Levels.of(_thumb_dense.filters(node, graph).weights).values
        padded = np.pad(values, ((0, -len(values) % UNITS), (0, 0)))
        shaped = (padded.reshape(-1, UNITS, padded.shape[1] // n, n).transpose(0, 2, 1, 3) for n in BLOCKS)
        return min(map(cls, shaped), key=lambda found: found.instructions)

    @property
    def inputs(self) -> int:
        """Inputs of a block."""
        return self.values.shape[3]

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Which blocks each group stores; none where all are zero."""
        kept = self.values.any(axis=(2, 3))
        return [_sparse_blocks.stored(row, REACH) if row.any() else np.zeros(0, np.int64) for row in kept]

    @property
    def instructions(self) -> float:
        """Of all blocks."""
        count = sum(map(len, self.stored))
        return BLOCKS[self.inputs] * count + 20 * count * self.inputs / 28

    @property
    def bytes(self) -> int:
        """Bytes of all blocks."""
        return (UNITS * self.inputs // 2 + 1) * sum(map(len, self.stored)) + len(self.stored)

    def skips(self) -> np.ndarray:
        """A byte before each stored block and one that ends a group."""
        found = []
        for values, blocks in zip(self.values, self.stored, strict=True):
            held = np.zeros(UNITS, np.int64)
            for block, before in zip(blocks, np.diff(blocks, prepend=-1) - 1, strict=True):
                more = (values[block] + OFFSET).sum(axis=1)
                spill = (held + more > MOST).any()
                held = more if spill else held + more
                found.append(before | SPILL * spill)
            found.append(_sparse_blocks.LAST)
        return np.array(found, np.uint8)

    def packed(self) -> np.ndarray:
        """A word for each two inputs of a stored block: in the low half two units of the first, then of the second."""
        offset = np.concatenate([v[b] for v, b in zip(self.values, self.stored, strict=True)]) + OFFSET
        # from (blocks, units, inputs) to (words, halves, inputs, units of a half)
        ordered = offset.reshape(len(offset), 2, 2, self.inputs // 2, 2).transpose(0, 3, 1, 4, 2).reshape(-1, 2, 4)
        halves = (ordered << 4 * np.arange(4)).sum(axis=2)
        return stream(np.append(halves[:, 0] | halves[:, 1] << 16, 0 if self.bytes == len(self.stored) else [])[None])


class FullyConnectedSparseInt4Thumb(FullyConnectedInt4Thumb):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    code = 550

    def exact(self, node: Node, graph: Graph) -> bool:
        if not super().exact(node, graph):
            return False
        found = _Blocks.of(node, graph)
        return found.bytes <= found.values.size // 2

    def context(self, node: Node, graph: Graph) -> Call:
        found = _Blocks.of(node, graph)
        made = call(node, graph, _thumb_dense.filters(node, graph), found.packed(), {}, found.inputs)
        return Call(made.operands, made.scalars, {**made.arrays, "skips": found.skips()}, made.shape)

    def instructions(self, node: Node, graph: Graph) -> float:
        rows, _ = _thumb_dense.extents(node, graph)
        found, units = _Blocks.of(node, graph), graph.tensor(node, 1).shape[0]
        return rows * (found.instructions + 70 * len(found.stored) + 78 * units + 100)
