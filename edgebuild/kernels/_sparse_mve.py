"""Blocks of a few channels times four inputs on Helium, where a gather loads the four words that four blocks meet."""

from __future__ import annotations

import builtins

import numpy as np

from edgebuild.kernels import _sparse_blocks
from edgebuild.kernels._mve_output import Form, Output

INPUTS = 4
"""Inputs of a block: a word of a pixel."""

AT_ONCE = 4
"""Blocks that a vector holds."""

FAR = 1024
"""Bytes of a pixel from which the numbers of its words take two bytes."""


class Blocks:
    """The blocks that ``rows`` of channels keep, where ``group`` channels share them.

    Attributes:
        rows: ``(channels, inputs)`` int8, both filled up with zeros to whole blocks.
        stored: of each group, which blocks are stored.
        far: whether numbers of blocks take two bytes.
    """

    def __init__(self, rows: np.ndarray, group: int, multiple: int) -> None:
        """Channels are filled up to a multiple of ``multiple``, inputs to whole blocks."""
        channels, inputs = rows.shape
        self.group = group
        self.rows = np.pad(rows, [(0, -channels % multiple), (0, -inputs % INPUTS)])
        self.stored = [
            np.flatnonzero(row) if row.any() else np.zeros(1, np.int64)
            for row in _sparse_blocks.kept(self.rows, group, INPUTS)
        ]
        self.far = int(self.rows.shape[1] > FAR)

    @property
    def rounds(self) -> list[int]:
        """Vectors of each channel, group by group."""
        return [-(-len(blocks) // AT_ONCE) for blocks in self.stored]

    @property
    def bytes(self) -> int:
        """Bytes of all rounds, and of a word that counts them for each group."""
        each = AT_ONCE * (1 + self.far) + self.vectors(np.zeros((self.group, 4 * AT_ONCE), np.int8)).nbytes
        return sum(4 + rounds * each for rounds in self.rounds)

    def vectors(self, weights: np.ndarray) -> np.ndarray:
        """The vectors that hold ``weights`` ``(group, …)`` of one round."""
        return weights

    def packed(self, index: int) -> builtins.bytes:
        """One group: how many rounds, and for each the numbers of four blocks and their weights, channel by channel."""
        rounds, blocks = self.rounds[index], self.stored[index]
        numbers = np.zeros(rounds * AT_ONCE, np.int64)
        numbers[: len(blocks)] = blocks
        quads = self.rows[index * self.group : (index + 1) * self.group].reshape(self.group, -1, INPUTS)
        weights = np.zeros((self.group, rounds * AT_ONCE, INPUTS), np.int8)
        weights[:, : len(blocks)] = quads[:, blocks]
        numbers = numbers.astype("<u2" if self.far else "<u1").reshape(rounds, AT_ONCE)
        parts = [np.array([rounds], "<u4").tobytes()]
        for turn in range(rounds):
            here = weights[:, turn * AT_ONCE : (turn + 1) * AT_ONCE]
            parts += [numbers[turn].tobytes(), self.vectors(here).tobytes()]
        return b"".join(parts)


def pair_stream(blocks: Blocks, output: Output, form: Form) -> np.ndarray:
    """Pair after pair of channels: their rounds, then what requantizes them."""
    parts = []
    for index in range(len(blocks.stored)):
        words = output.words((2 * index, 2 * index + 1), form)
        parts += [blocks.packed(index), words[:2].T.tobytes(), words[2:].tobytes()]
    return np.frombuffer(b"".join(parts), np.int32)
