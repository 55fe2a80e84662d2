"""Convolutions on the DSP extension whose weights take four bits: words of four inputs and two filters."""

from __future__ import annotations

import numpy as np

from edgebuild.kernels import _dsp_pairs, _sparse_blocks
from edgebuild.kernels._dsp_channels import bounds, words
from edgebuild.kernels._int4 import Levels
from edgebuild.kernels._sparse_dsp_conv import INPUTS, UNITS, SparseConvolution

LOW_BITS = 12
"""The sparse form sums 4096 times the even filter."""


class Int4Convolution:
    """A convolution of 16 levels.

    Attributes:
        quads: of each filter, the values of four inputs after four, in the order of the widened windows.
        stored: of each pair, which fours are stored; in the dense form all, and their number is even.
    """

    def __init__(self, sparse: SparseConvolution, dense: bool) -> None:
        self.sparse = sparse
        self.dense = dense
        self.channels = sparse.dense.channels
        self.levels = Levels.of(self.channels.weights)
        padded = np.pad(self.levels.values, ((0, 0), (0, 1)))
        # the window's order is bytes 0, 2, 1, 3 of a word
        ordered = padded[:, sparse.order.reshape(-1)].reshape(len(padded), -1, INPUTS)[:, :, [0, 2, 1, 3]]
        self.quads = ordered
        self.stored = sparse.blocks
        if dense:
            self.stored = [np.arange(ordered.shape[1])] * len(sparse.blocks)

    @property
    def exact(self) -> bool:
        """Whether four bits hold all values, sums fit, and requantization has a fast form."""
        channels = self.channels
        if not (channels.narrow and channels.form != "general" and self.levels.narrow):
            return False
        if self.dense:
            return True
        low, high = bounds(self.levels.values, np.zeros(len(channels.bias), np.int64))
        fits = bool((low >= -(2 ** (31 - LOW_BITS))).all() and (high < 2 ** (31 - LOW_BITS)).all())
        # beside a -8 of the odd filter, a negative value of the even one would not fit a byte
        values = self.levels.values
        return fits and not any(
            ((values[odd] == -8) & (values[even] < 0)).any() for even, odd in _dsp_pairs.pairs(len(channels.bias))
        )

    @property
    def bytes(self) -> int:
        """Bytes of all weights."""
        return (4 if self.dense else 5) * sum(map(len, self.stored))

    def packed(self) -> dict[str, np.ndarray]:
        """The arrays of the struct: pair after pair its blocks, steps and biases, and requantization; and the skips."""
        stream, skips = [], []
        for (even, odd), blocks in zip(_dsp_pairs.pairs(len(self.channels.bias)), self.stored, strict=True):
            octets = 16 * self.quads[odd, blocks] + self.quads[even, blocks] + (8 if self.dense else 0)
            assert (octets >= -128).all() and (octets < 128).all()
            if self.dense and len(blocks) % 2:
                octets = np.pad(octets, ((0, 1), (0, 0)))  # zero bytes add nothing to either sum
            stream.append(np.ascontiguousarray(octets.astype(np.int8)).view("<i4").reshape(-1))
            stream += self.outputs(even, odd)
            skips.append(_sparse_blocks.skips(blocks, UNITS) if not self.dense else np.zeros(0, np.uint8))
        arrays = {"weights": np.concatenate(stream)}
        return arrays if self.dense else {**arrays, "skips": np.concatenate(skips)}

    def outputs(self, even: int, odd: int) -> list[np.ndarray]:
        """Steps and biases of two filters, and what requantizes them."""
        channels, step = self.channels, self.levels.step
        biases = [16 * step[odd], 256 * channels.bias[odd], step[even], channels.bias[even]]
        return [words(np.array(biases)), _dsp_pairs.requantization(channels, (even, odd))]
