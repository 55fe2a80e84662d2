"""CONV_2D 3x3 with the DSP extension and fewer multiplications: Winograd's F(2,3) along each row, in integers.

``docs/kernels/dsp.md`` derives it.
"""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_channels import Channels, bounds, pair_words, words
from edgebuild.kernels._dsp_pairs import in_order
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window

TILE = 4
"""Output pixels of a row at a time: two pairs."""

HALF = 2**30
"""Sums are made doubled, so they must fit 31 bits."""


class Conv2DWinogradDsp(Variant):
    """Stride 1, no dilation, no groups: four pixels times two filters at a time, twelve products for eighteen.

    Transformed weights take 8/3 of the weights' bytes.
    """

    op = "conv_2d"
    template = "conv_2d/winograd_dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    bulky = True
    code = 1100

    def exact(self, node: Node, graph: Graph) -> bool:
        window, (_, height, width, depth) = _window(node, graph), graph.tensor(node, 1).shape
        if (height, width) != (3, 3) or window.stride != (1, 1) or window.dilation != (1, 1):
            return False
        if depth != graph.tensor(node, 0).shape[3] or depth % 4 or graph.output(node).shape[3] % 2:
            return False
        return window.output[1] >= TILE and _exact(_channels(node, graph))

    def context(self, node: Node, graph: Graph) -> Call:
        window, channels = _window(node, graph), _channels(node, graph)
        requantization, depth = Requantization.of(node, graph, len(channels.bias)), graph.tensor(node, 0).shape[3]
        clamp = (requantization.low, requantization.high) != (-128, 127)
        limits = {"output_min": requantization.low, "output_max": requantization.high} if clamp else {}
        scalars = {
            "input_height": window.input[0],
            "input_width": window.input[1],
            "output_height": window.output[0],
            "output_width": window.output[1],
            "pad_top": window.before[0],
            "pad_left": window.before[1],
            "input_channels": depth,
            "output_channels": len(channels.bias),
            "input_zero_point": graph.tensor(node, 0).zero_point,
            "output_zero_point": requantization.zero_point,
        }
        shape = {"unrolled": _unrolled(depth), "clamp": int(clamp)}
        return Call((node.inputs[0],), scalars | limits, {"weights": _packed(channels, depth)}, shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        return (3 * 4 * TILE + TILE + 2) * graph.tensor(node, 0).shape[3]

    def instructions(self, node: Node, graph: Graph) -> float:
        (height, width), depth = _window(node, graph).output, graph.tensor(node, 0).shape[3]
        tiles, filters = height * -(-width // TILE), graph.output(node).shape[3]
        unrolled = _unrolled(depth)
        row = depth / 2 / unrolled * (12 * unrolled + 3) + 4
        return tiles * (filters / 2 * (6 * row + 75) + 3 * (47 * depth / 4 + 60) + 50)


def _window(node: Node, graph: Graph) -> Window:
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))


def _unrolled(depth: int) -> int:
    """Pairs of input channels in the inner loop."""
    return next(pairs for pairs in (8, 4, 2) if depth % (2 * pairs) == 0)


def _channels(node: Node, graph: Graph) -> Channels:
    weight, bias = graph.tensor(node, 1), graph.optional(node, 2)
    assert weight.data is not None
    filters = weight.shape[0]
    return Channels.of(
        weight.data.reshape(filters, -1),
        bias_or_zeros(bias.data if bias else None, filters),
        graph.tensor(node, 0).zero_point,
        Requantization.of(node, graph, filters),
    )


def _exact(channels: Channels) -> bool:
    """Whether doubled sums fit int32 and every multiplier has a fast form.

    Transformed weights are at most 3 * 128 and transformed inputs 2 * 128 in size: int16 always holds them.
    """
    low, high = bounds(channels.weights, channels.bias)
    return channels.form != "general" and bool((low >= -HALF).all() and (high < HALF).all())


def _transformed(channels: Channels, depth: int) -> np.ndarray:
    """``(filters, 4, 3, depth)``: each kernel row's three columns as four."""
    weights = channels.weights.reshape(len(channels.bias), 3, 3, depth)
    first, middle, last = (weights[:, :, column] for column in range(3))
    outer = first + last
    return np.stack([2 * first, outer + middle, outer - middle, -2 * last], axis=1)


def _packed(channels: Channels, depth: int) -> np.ndarray:
    """The stream of words, pair of filters by pair of filters: doubled biases, weights, requantization."""
    order = in_order(depth)
    taken = _transformed(channels, depth)[..., order]  # filters, column, row, words, half
    joined = pair_words(taken[..., 0], taken[..., 1])
    power = np.int64(1) << (32 - channels.shift)
    stream = []
    for even in range(0, len(channels.bias), 2):
        pair = slice(even, even + 2)
        stream.append(words(2 * channels.bias[pair]))
        for columns in ((1, 2), (0, 3)):
            each = joined[pair][:, columns]  # filter, column, row, word
            stream.append(each.transpose(2, 3, 1, 0).reshape(-1))
        stream.append(words(np.stack([channels.multiplier[pair], power[pair]], axis=1)).reshape(-1))
    return np.concatenate(stream)
