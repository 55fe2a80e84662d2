"""What the depthwise kernels of the DSP extension share: a filter a channel, and their words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._dsp_channels import Channels, pair_words, words
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window

GROUP = 4
"""Channels at a time."""

STRIP = 16
"""Output columns at a time, at most: what is packed takes memory."""


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A depthwise convolution."""

    window: Window
    channels: Channels
    requantization: Requantization

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Depthwise:
        """The node's convolution."""
        weight, bias = graph.tensor(node, 1), graph.tensor(node, 2)
        assert weight.data is not None and bias.data is not None
        _, height, width, outputs = weight.shape
        requantization = Requantization.of(node, graph, outputs)
        filters = weight.data.reshape(-1, outputs).T
        channels = Channels.of(filters, bias.data, graph.tensor(node, 0).zero_point, requantization)
        return cls(Window.of(node, graph, (height, width)), channels, requantization)

    @property
    def strip(self) -> int:
        """Output columns at a time: even, about equal strips, none of a single column."""
        width = self.window.output[1]
        strips = -(-width // STRIP)
        strip = -(-width // strips)
        strip += strip % 2
        return strip + 2 if width % strip == 1 and width > strip else strip

    def columns(self) -> np.ndarray:
        """Words of a 3x3 filter a channel: for groups of four in order, the last moved back to be whole."""
        return np.concatenate(
            [self._column_words(channel) for group in _groups(len(self.channels.bias)) for channel in group]
        )

    def _column_words(self, channel: int) -> np.ndarray:
        """Nine weights and the shift's code in twelve bytes, bias, multiplier; rows are 0, 1, 2 of column a, b, c."""
        (a0, b0, c0), (a1, b1, c1), (a2, b2, c2) = self.channels.weights[channel].reshape(3, 3)
        octets = np.array([a0, b0, a1, b1, c0, a2, c1, b2, c1, self.channels.code()[channel], c2, 0])
        rest = words(np.array([self.channels.bias[channel], self.channels.doubled()[channel]]))
        return np.concatenate([_octet_words(octets), rest])

    def taps(self, inputs: int) -> np.ndarray:
        """Words of any filters: for each repeat of the ``inputs`` channels, four after four.

        Biases; for each two inputs of the window two words of four weights; unless the form is
        ``general``, multipliers and a word of shift codes.
        """
        channels = self.channels
        repeats = len(channels.bias) // inputs
        padded = np.pad(channels.weights, ((0, 0), (0, channels.weights.shape[1] % 2)))
        stream = []
        for repeat in range(repeats):
            for group in _groups(inputs):
                four = np.array(group) * repeats + repeat
                stream.append(words(channels.bias[four]))
                # (channel pair, input pair, channel, input) to the bytes of input pair, channel pair, input, channel
                octets = padded[four].reshape(2, 2, -1, 2).transpose(2, 0, 3, 1)
                stream.append(_octet_words(octets.reshape(-1)))
                if channels.form != "general":
                    codes = channels.code()[four]
                    stream += [words(channels.doubled()[four]), _octet_words(codes)]
        return np.concatenate(stream)


def _groups(channels: int) -> list[range]:
    starts = [min(c, channels - GROUP) for c in range(0, channels, GROUP)]
    return [range(start, start + GROUP) for start in starts]


def _octet_words(octets: np.ndarray) -> np.ndarray:
    """Words of four bytes each."""
    low, high = octets[0::2] & 0xFF, octets[1::2] & 0xFF
    halves = low | high << 8
    return pair_words(halves[0::2], halves[1::2])
