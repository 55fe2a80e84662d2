"""Weights of few distinct values: a table of them, and for each weight two, three or four bits that say which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.kernels._int4 import Levels

BITS = (2, 3, 4)
"""Bits of an index."""

WORD = 32
"""Bits of a word of indices, which holds whole ones only."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Rows of weights as indices into tables.

    Attributes:
        bits: of an index.
        tables: ``(rows, 2^bits)`` int8; one row if all channels share their values.
        indices: ``(rows, weights)``.
    """

    bits: int
    tables: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Clusters | None:
        """The smallest form of ``rows`` ``(channels, weights)``, if each has at most sixteen values."""
        if len(np.unique(rows[0])) > 1 << BITS[-1]:
            return None  # as of most layers: planning asks often
        whole = np.unique(rows)
        each = [np.unique(row) for row in rows]
        found = []
        for bits in BITS:
            if len(whole) <= 1 << bits:
                found.append(cls(bits, _table(whole, bits)[None], np.searchsorted(whole, rows)))
            if max(map(len, each)) <= 1 << bits:
                indices = np.stack([np.searchsorted(values, row) for values, row in zip(each, rows, strict=True)])
                found.append(cls(bits, np.stack([_table(values, bits) for values in each]), indices))
        return min(found, key=lambda one: one.bytes, default=None)

    @property
    def per_word(self) -> int:
        """Indices of a word."""
        return WORD // self.bits

    @property
    def words(self) -> int:
        """Words of a row."""
        return -(-self.indices.shape[1] // self.per_word)

    @property
    def bytes(self) -> int:
        """Bytes of indices and tables."""
        return 4 * self.words * len(self.indices) + self.tables.size

    def smaller(self, rows: np.ndarray) -> bool:
        """Whether they take less room than ``rows``, and have no form that is as small and much faster."""
        return self.bytes < rows.size and not levels(rows, self.bits)

    def scalars(self) -> dict[str, int]:
        """Fields of a layer's struct: words of a row, and how far the tables of two channels lie apart."""
        return {"words": self.words, "table_step": 0 if len(self.tables) == 1 else 1 << self.bits}

    def arrays(self) -> dict[str, np.ndarray]:
        """Indices, the first one of a word in its lowest bits, and tables."""
        padded = np.pad(self.indices, ((0, 0), (0, self.words * self.per_word - self.indices.shape[1])))
        shifts = self.bits * np.arange(self.per_word)
        words = (padded.astype(np.int64).reshape(-1, self.per_word) << shifts).sum(axis=1)
        return {"indices": words.astype(np.uint32).view(np.int32), "table": self.tables.reshape(-1)}


def _table(values: np.ndarray, bits: int) -> np.ndarray:
    return np.pad(values, (0, (1 << bits) - len(values))).astype(np.int8)


def levels(rows: np.ndarray, bits: int) -> bool:
    """Whether ``rows`` are of 16 levels, whose own kernels take four bits too."""
    return bits == BITS[-1] and Levels.of(rows).narrow


def folded(rows: np.ndarray, bias: np.ndarray, zero_point: int) -> np.ndarray | None:
    """Biases with the input's zero point taken off, if no sum on the way can leave int32."""
    wide = rows.astype(np.int64)
    found: np.ndarray = bias.astype(np.int64) - zero_point * wide.sum(axis=1)
    if (np.abs(found) + 128 * np.abs(wide).sum(axis=1) >= 2**31).any():
        return None
    return found.astype(np.int32)
