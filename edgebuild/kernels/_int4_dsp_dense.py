"""A fully connected layer of 16 levels on the DSP extension: words of four units and two inputs."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _dsp_pairs, _sparse_blocks
from edgebuild.kernels._dsp_channels import bounds, words
from edgebuild.kernels._dsp_dense import Dense
from edgebuild.kernels._int4 import Levels
from edgebuild.ops import Call

UNITS = 4
"""Units of a word."""

WHOLE = 8
"""Inputs at a time where all are stored."""

BLOCKS = (4, 2)
"""Inputs of a block that can be skipped."""

TOP_BITS = 12
"""The fourth unit is summed 4096 times, if such sums fit."""

SUM_BITS = 8
"""Other units are summed 256 times at most."""

REACH = _sparse_blocks.LAST - 1
"""Blocks that a byte can skip; a longer gap has a block of zeros in between."""

_STEP = {WHOLE: 34.75, 4: 24.0, 2: 16.0}
"""Instructions of so many inputs and four units."""

_EACH = {"one": 8, "relu": 9, "round": 10}
"""Instructions that requantize a unit."""


@dataclass(frozen=True, eq=False)
class Int4Dense:
    """The node, and what of it is stored.

    Attributes:
        block: inputs of a block of four units: of :data:`BLOCKS` if blocks of zeros are skipped, else :data:`WHOLE`.
    """

    dense: Dense
    levels: Levels
    block: int

    @classmethod
    def whole(cls, node: Node, graph: Graph) -> Int4Dense:
        """The node with all its weights."""
        dense = Dense.of(node, graph)
        return cls(dense, Levels.of(dense.channels.weights), WHOLE)

    @classmethod
    def sparse(cls, node: Node, graph: Graph) -> Int4Dense:
        """The node in the blocks that take the fewest instructions."""
        dense = Dense.of(node, graph)
        levels = Levels.of(dense.channels.weights)
        return min((cls(dense, levels, block) for block in BLOCKS), key=cls.instructions)

    @property
    def padded(self) -> int:
        """Inputs in whole blocks."""
        return -(-self.dense.features // self.block) * self.block

    @property
    def copied(self) -> bool:
        """Whether blocks end behind the input, which is then copied first."""
        return self.padded != self.dense.features

    @functools.cached_property
    def values(self) -> np.ndarray:
        """``(groups of four units, blocks, units, inputs)``."""
        found = self.levels.values
        padded = np.pad(found, ((0, -len(found) % UNITS), (0, self.padded - found.shape[1])))
        return padded.reshape(-1, UNITS, self.padded // self.block, self.block).transpose(0, 2, 1, 3)

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Which blocks each group stores."""
        if self.block == WHOLE:
            return [np.arange(self.values.shape[1])] * len(self.values)
        return [_sparse_blocks.stored(row, REACH) for row in self.values.any(axis=(2, 3))]

    @property
    def exact(self) -> bool:
        """Whether four bits hold all values, sums come apart, and requantization has a fast form."""
        if self.form == "general" or not self.levels.narrow:
            return False
        return self._fits(SUM_BITS)

    @property
    def form(self) -> str:
        """The layer's own, but for ``one`` biases must leave eight bits of a word to their steps."""
        form, bias = self.dense.form, self.dense.channels.bias
        return "relu" if form == "one" and (np.abs(bias) >= 2**23).any() else form

    @property
    def wide(self) -> bool:
        """Whether the sums of fourth units are too large for the quickest form."""
        return not self._fits(TOP_BITS)

    def _fits(self, bits: int) -> bool:
        """Whether all sums of values have so many bits to spare."""
        low, high = bounds(self.levels.values, np.zeros(len(self.levels.step), np.int64))
        most = 2 ** (31 - bits)
        return bool((low >= -most).all() and (high < most).all())

    @property
    def bytes(self) -> int:
        """Bytes of all weights, and of what says which blocks they are."""
        each = UNITS * self.block // 2 + (self.block != WHOLE)
        return each * sum(map(len, self.stored))

    def instructions(self) -> float:
        """Executed instructions of one inference, fitted to measurements."""
        outputs = len(self.values) * (36 + UNITS * _EACH.get(self.form, 100))
        sums = 0.9 * self.padded if self.block == WHOLE else 0
        loops = (_STEP[self.block] + self.wide * self.block / 2) * sum(map(len, self.stored))
        return self.dense.rows * (loops + outputs + sums + 60 + (self.dense.features / 4 if self.copied else 0)) + 30

    def call(self, operand: int) -> Call:
        """The kernel's struct."""
        dense, found = self.dense, self.dense.requantization
        scalars = {
            "rows": dense.rows,
            "features": dense.features,
            "units": len(self.levels.step),
            "output_zero_point": found.zero_point,
        }
        if self.form == "one":
            _, (multiplier, code) = _dsp_pairs.multipliers(dense.channels, (0, 0))
            scalars |= {"multiplier": int(words(multiplier)), "code": code}
        if dense.clamped:
            scalars |= {"output_min": found.low, "output_max": found.high}
        form = {"relu": 1, "one": 2, "round": 3}[self.form]
        shape = {"block": self.block, "wide": int(self.wide), "form": form}
        shape |= {"clamp": int(dense.clamped), "copied": int(self.copied)}
        return Call((operand,), scalars, self._arrays(), shape)

    def _arrays(self) -> dict[str, np.ndarray]:
        stream = []
        for number, (values, blocks) in enumerate(zip(self.values, self.stored, strict=True)):
            stream += [_packed(values[blocks]), self._outputs(UNITS * number)]
        arrays = {"weights": np.concatenate(stream)}
        if self.block != WHOLE:
            arrays["skips"] = np.concatenate([_sparse_blocks.skips(blocks, 1) for blocks in self.stored])
        return arrays

    def _outputs(self, first: int) -> np.ndarray:
        """Of four units bias and step, or bias, multiplier, and step with how far the multiplier's 64 is shifted."""
        channels, rows = self.dense.channels, []
        doubled, code = channels.doubled(), channels.code()
        for unit in range(first, first + UNITS):
            if unit >= len(channels.bias):
                rows.append([1] if self.form == "one" else [0, 0, 1])
            elif self.form == "one":
                rows.append([channels.bias[unit] << 8 | self.levels.step[unit]])
            else:
                rows.append([channels.bias[unit], doubled[unit], self.levels.step[unit] | code[unit] << 8])
        return words(np.array(rows).reshape(-1))


def _packed(values: np.ndarray) -> np.ndarray:
    """Words of ``(blocks, units, inputs)``: two halves of four units, three of them with 8 added.

    The halves of a word are two inputs as SXTB16 widens them: 0 and 2 of a word of four, then 1 and 3; 0 and 1 of two.
    """
    blocks, _, inputs = values.shape
    halves = ((values[:, :3] + 8) << np.array([0, 4, 8])[:, None]).sum(axis=1) + (values[:, 3] << TOP_BITS)
    if inputs > 2:
        halves = halves.reshape(blocks, inputs // 4, 2, 2).transpose(0, 1, 3, 2)
    pairs = halves.reshape(-1, 2) & 0xFFFF
    return words(pairs[:, 0] | pairs[:, 1] << 16)
