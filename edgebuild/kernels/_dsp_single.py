"""Convolutions on the DSP extension that multiply single weights with eight pixels (``sparse/dsp_single.j2``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._dsp_channels import UNIT, Channels, words
from edgebuild.kernels._dsp_conv import Convolution
from edgebuild.kernels._sparse_dsp_conv import convolution
from edgebuild.ops import Call

TILE = 8
"""Pixels at a time."""

LARGEST = 288
"""Inputs of a window: its scratch memory takes 16 bytes for each."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution and its channels."""

    dense: Convolution
    channels: Channels

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Layer:
        """The layer of ``node``."""
        dense = convolution(node, graph)
        return cls(dense, dense.channels)

    def head(self) -> np.ndarray:
        """For each filter two words of bias, and two that requantize."""
        channels = self.channels
        first = channels.bias - 128 * channels.weights.sum(axis=1)
        # both lanes of a 64-bit sum
        both = first + (channels.bias << 24)
        power = UNIT << channels.code()
        found: np.ndarray = np.stack([words(both), words(both >> 32), words(channels.doubled()), words(power)], axis=1)
        return np.asarray(found.reshape(-1))

    def call(
        self, node: Node, graph: Graph, inputs: int, arrays: Mapping[str, np.ndarray], shape: Mapping[str, int]
    ) -> Call:
        """The struct.

        Args:
            inputs: of a window, and words behind them.
            shape: template constants besides.
        """
        width = graph.output(node).shape[2]
        call = self.dense.call(node.inputs[0], width)
        names = ("last_top", "last_left", "row_bytes", "row_words", "row_rest", "rows_at_once", "blocks")
        scalars = {name: value for name, value in call.scalars.items() if name not in names}
        scalars |= {"inputs": inputs, "whole_tiles": int(width >= TILE)}
        return Call(call.operands, scalars, arrays, {**call.shape, **shape})

    def instructions(self, products: float) -> float:
        """Executed instructions of one inference, whose ``products`` a tile are those of all filters."""
        window, channels = self.dense.window, self.channels
        inputs = channels.weights.shape[1]
        each = {"relu": 68, "round": 76, "general": 500}[channels.form]
        tile = products + each * len(channels.bias)
        inside = 1.0
        for size, kernel, stride, before, output in zip(
            window.input, window.kernel, window.stride, window.before, window.output, strict=True
        ):
            inside *= max(0, min((size - kernel) // stride + 1 - before // stride, output)) / output
        clipped = (1 - inside) * window.kernel[0] * TILE * (20 + window.kernel[1] * 30)
        taken = 24.5 * inputs + window.kernel[0] * 4 * 75 + 250 + clipped
        return -(-window.output[0] * window.output[1] // TILE) * (tile + taken) + 60


def possible(node: Node, graph: Graph) -> bool:
    """Whether there are no groups, windows are small, sums fit 24 bits, and requantization has a fast form."""
    weight = graph.tensor(node, 1)
    if weight.shape[3] != graph.tensor(node, 0).shape[3] or weight.elements // weight.shape[0] > LARGEST:
        return False
    channels = Layer.of(node, graph).channels
    return channels.narrow and channels.form != "general"


def scratch(node: Node, graph: Graph, inputs: int) -> int:
    """Bytes for ``inputs`` words of eight pixels, two rows of windows, and a tile's outputs where rows are short."""
    weight, width = graph.tensor(node, 1), graph.output(node).shape[2]
    segment = weight.shape[2] * weight.shape[3]
    return 16 * inputs + 2 * segment + (0 if width >= TILE else TILE * weight.shape[0])
