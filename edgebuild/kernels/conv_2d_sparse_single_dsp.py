"""CONV_2D with the DSP extension, for weights pruned one by one: eight pixels at a time for each that is not zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _sparse_blocks
from edgebuild.kernels._dsp_channels import UNIT, Channels, words
from edgebuild.kernels._dsp_conv import Convolution
from edgebuild.kernels._sparse_dsp_conv import convolution
from edgebuild.ops import Call

TILE = 8
"""Pixels at a time."""

LARGEST = 288
"""Inputs of a window: its scratch memory takes 16 bytes for each."""

REACH = _sparse_blocks.LAST - 1
"""Inputs that can be skipped at once; a longer gap has a weight of zero in between."""


@dataclass(frozen=True, eq=False)
class _Single:
    """A convolution and its weights that are not zero."""

    dense: Convolution
    channels: Channels

    @classmethod
    def of(cls, node: Node, graph: Graph) -> _Single:
        dense = convolution(node, graph)
        return cls(dense, dense.channels)

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Of each filter, which weights are stored."""
        return [_sparse_blocks.stored(row != 0, REACH) for row in self.channels.weights]

    @property
    def twos(self) -> int:
        """Twos of stored weights, of all filters."""
        return sum(-(-len(kept) // 2) for kept in self.stored)

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """For each filter two words of bias, and two that requantize; and its weights in twos."""
        channels = self.channels
        first = channels.bias - 128 * channels.weights.sum(axis=1)
        # both lanes of a 64-bit sum
        both = first + (channels.bias << 24)
        power = UNIT << channels.code()
        head = np.stack([words(both), words(both >> 32), words(channels.doubled()), words(power)], axis=1)
        parts = []
        for row, kept in zip(channels.weights, self.stored, strict=True):
            skips = np.diff(kept, prepend=-1) - 1
            values = row[kept]
            if len(kept) % 2:  # an input further on, with a weight of zero; its word may lie behind the last one
                skips, values = np.append(skips, 0), np.append(values, 0)
            skips[-1] |= _sparse_blocks.LAST
            twos = np.concatenate([skips.reshape(-1, 2), values.reshape(-1, 2) & 0xFF], axis=1)
            parts.append(twos.astype(np.uint8).reshape(-1))
        return head.reshape(-1), np.concatenate(parts).view(np.int8)


class Conv2DSparseSingleDsp(Variant):
    """Convolutions without groups whose windows have at most :data:`LARGEST` inputs."""

    op = "conv_2d"
    template = "conv_2d/sparse_single_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    compact = True
    skips = (1, 1)
    code = 1600
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        weight = graph.tensor(node, 1)
        if weight.shape[3] != graph.tensor(node, 0).shape[3] or weight.elements // weight.shape[0] > LARGEST:
            return False
        single = _Single.of(node, graph)
        fits = single.channels.narrow and single.channels.form != "general"
        return fits and 4 * single.twos <= weight.elements

    def context(self, node: Node, graph: Graph) -> Call:
        single = _Single.of(node, graph)
        width = graph.output(node).shape[2]
        call = single.dense.call(node.inputs[0], width)
        channels, weights = single.packed()
        names = ("last_top", "last_left", "row_bytes", "row_words", "row_rest", "rows_at_once", "blocks")
        scalars = {name: value for name, value in call.scalars.items() if name not in names}
        scalars |= {"inputs": single.channels.weights.shape[1] + 1, "whole_tiles": int(width >= TILE)}
        return Call(call.operands, scalars, {"channels": channels, "weights": weights}, call.shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        weight, width = graph.tensor(node, 1), graph.output(node).shape[2]
        filters, inputs = weight.shape[0], weight.elements // weight.shape[0]
        segment = weight.shape[2] * weight.shape[3]
        # one input more, which a filler of zero may meet
        return 16 * (inputs + 1) + 2 * segment + (0 if width >= TILE else TILE * filters)

    def instructions(self, node: Node, graph: Graph) -> float:
        single = _Single.of(node, graph)
        window = single.dense.window
        inputs = single.channels.weights.shape[1]
        each = {"relu": 68, "round": 76, "general": 500}[single.channels.form]
        tile = 20 * single.twos + each * len(single.channels.bias)
        inside = 1.0
        for size, kernel, stride, before, output in zip(
            window.input, window.kernel, window.stride, window.before, window.output, strict=True
        ):
            inside *= max(0, min((size - kernel) // stride + 1 - before // stride, output)) / output
        clipped = (1 - inside) * window.kernel[0] * TILE * (20 + window.kernel[1] * 30)
        taken = 24.5 * inputs + window.kernel[0] * 4 * 75 + 250 + clipped
        return -(-window.output[0] * window.output[1] // TILE) * (tile + taken) + 60
