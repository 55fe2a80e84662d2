"""A fully connected layer on the DSP extension that skips blocks of units times four inputs where they are zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _dsp_pairs, _sparse_blocks
from edgebuild.kernels._dsp_channels import Channels
from edgebuild.kernels._dsp_dense import Dense
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization

INPUTS = 4
"""Inputs of a block."""

GROUPS = (4, 2)
"""Units that may share blocks."""

WIDE = 256
"""Blocks of a row from which indices take two bytes."""

_EACH = {"one": 8, "relu": 11, "round": 13}
"""Instructions that a unit takes beside its blocks."""


@dataclass(frozen=True, eq=False)
class SparseDense:
    """The node, and the blocks that it keeps where ``group`` units share them.

    Attributes:
        form: of the requantization; ``one`` where one multiplier serves all units with one rounding.
    """

    channels: Channels
    requantization: Requantization
    features: int
    rows: int
    form: str
    group: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> SparseDense:
        """The node in the groups that take the fewest instructions."""
        dense = Dense.of(node, graph)
        made = [
            cls(dense.channels, dense.requantization, dense.features, dense.rows, dense.form, group) for group in GROUPS
        ]
        return min(made, key=cls.instructions)

    @property
    def wide(self) -> int:
        """Whether indices take two bytes."""
        return int(-(-self.features // INPUTS) >= WIDE)

    @functools.cached_property
    def groups(self) -> list[list[tuple[int, int]]]:
        """Pairs of units that share blocks."""
        pairs = _dsp_pairs.pairs(len(self.channels.bias))
        whole = len(self.channels.bias) // 4 * 2 if self.group == 4 else 0
        return [pairs[i : i + 2] for i in range(0, whole, 2)] + [[pair] for pair in pairs[whole:]]

    @functools.cached_property
    def blocks(self) -> list[np.ndarray]:
        """Which blocks each group stores."""
        blocks = -(-self.features // INPUTS)
        padded = np.pad(self.channels.weights, ((0, 0), (0, blocks * INPUTS - self.features)))
        kept = padded.reshape(len(padded), blocks, INPUTS).any(axis=2)
        rows = [kept[[unit for pair in group for unit in pair]].any(axis=0) for group in self.groups]
        return [_sparse_blocks.stored(row, blocks) for row in rows]

    @property
    def exact(self) -> bool:
        """Whether the sums come apart, requantization is exact, and the stream is no longer than a dense one."""
        if self.form == "general" or self.features >= 1 << 17 or not _dsp_pairs.separable(self.channels):
            return False
        sizes = [len(group) for group in self.groups]
        stored = [len(blocks) for blocks in self.blocks]
        stream = sum(
            8 * size * count + (1 + self.wide) * (1 + count) for size, count in zip(sizes, stored, strict=True)
        )
        return stream <= 8 * sum(sizes) * -(-self.features // INPUTS)

    def instructions(self) -> float:
        """Executed instructions of one inference, fitted to measurements."""
        each = _EACH.get(self.form, 100)
        loops = sum((7 + 6 * len(group)) * len(blocks) for group, blocks in zip(self.groups, self.blocks, strict=True))
        outputs = sum(2 * len(group) * each for group in self.groups)
        return self.rows * (loops + outputs + 60 + (self.features / 4 if self.features % 4 else 0)) + 30

    def call(self, operand: int) -> Call:
        """The kernel's struct."""
        channels, found = self.channels, self.requantization
        clamp = (found.low, found.high) != (-128, 127)
        scalars = {
            "rows": self.rows,
            "features": self.features,
            "units": len(channels.bias),
            "output_zero_point": found.zero_point,
        }
        if self.form == "one":
            (odd, odd_code), (even, even_code) = _dsp_pairs.multipliers(channels, (0, 1))
            even = (even + 2**31) % 2**32 - 2**31
            scalars |= {"multiplier_odd": odd, "multiplier_even": even}
            scalars |= {"code_odd": odd_code, "code_even": even_code}
        if clamp:
            scalars |= {"output_min": found.low, "output_max": found.high}
        form = {"relu": 1, "one": 2, "round": 3}[self.form]
        copied = int(self.features % 4 != 0)
        shape = {"form": form, "clamp": int(clamp), "copied": copied, "group": self.group, "wide": self.wide}
        return Call((operand,), scalars, self._arrays(), shape)

    def _arrays(self) -> dict[str, np.ndarray]:
        count = -(-self.features // INPUTS)
        order = _dsp_pairs.in_order(count * INPUTS)
        quads = np.where(order < self.features, order, -1).reshape(count, 2, 2)
        words: list[np.ndarray] = []
        indices: list[np.ndarray] = []
        for group, blocks in zip(self.groups, self.blocks, strict=True):
            stored = quads[blocks].reshape(-1, 2)
            words += [_dsp_pairs.biases(self.channels, pair) for pair in group]
            each = [_dsp_pairs.weights(self.channels, pair, stored).reshape(-1, 2) for pair in group]
            words.append(np.stack(each, axis=1).reshape(-1))
            if self.form != "one":
                words += [_dsp_pairs.requantization(self.channels, pair) for pair in group]
            indices += [np.array([len(blocks)]), blocks]
        kind = np.int16 if self.wide else np.uint8
        return {"weights": np.concatenate(words), "indices": np.concatenate(indices).astype(kind)}
