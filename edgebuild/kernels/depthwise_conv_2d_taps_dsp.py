"""DEPTHWISE_CONV_2D with the DSP extension, any window: one pixel and four channels at a time."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_depthwise import GROUP, Depthwise
from edgebuild.ops import Call


class DepthwiseConv2DTapsDsp(Variant):
    """At least four input channels; any kernel, stride, dilation, depth multiplier and requantization."""

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/dsp_taps.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 640

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 0).shape[3] >= GROUP

    def context(self, node: Node, graph: Graph) -> Call:
        found = Depthwise.of(node, graph)
        window, requantization, channels = found.window, found.requantization, found.channels
        inputs = graph.tensor(node, 0).shape[3]
        clamp = (requantization.low, requantization.high) != (-128, 127)
        general = channels.form == "general"
        scalars = window.scalars() | {
            "dilation_height": window.dilation[0],
            "dilation_width": window.dilation[1],
            "channels": inputs,
            "depth_multiplier": len(channels.bias) // inputs,
            "inputs": channels.weights.shape[1],
            "input_zero_point": graph.tensor(node, 0).zero_point,
            "output_zero_point": requantization.zero_point,
        }
        arrays = {"weights": found.taps(inputs)}
        if clamp or general:
            scalars |= {"output_min": requantization.low, "output_max": requantization.high}
        if general:
            arrays |= {"multiplier": channels.multiplier.astype(np.int32), "shift": (-channels.shift).astype(np.int8)}
        roundings = {"relu": 1, "round": 2, "general": 0}[channels.form]
        shape = {"roundings": roundings, "clamp": int(clamp and not general)}
        return Call((node.inputs[0],), scalars, arrays, shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        _, height, width, _ = graph.tensor(node, 1).shape
        return 4 * (height * width + height * width % 2) + graph.tensor(node, 0).shape[3]

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Depthwise.of(node, graph)
        channels, window = found.channels, found.window
        inputs, taps = graph.tensor(node, 0).shape[3], channels.weights.shape[1]
        repeats, pixels = len(channels.bias) // inputs, window.output[0] * window.output[1]
        four = (taps + 1) // 2 * 21 + {"relu": 42, "round": 46, "general": 180}[channels.form]
        return pixels * (repeats * (-(-inputs // GROUP) * four + 50) + 13 * taps + 40)
