"""DEPTHWISE_CONV_2D of a single input channel with the DSP extension: it is a convolution."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_conv import Convolution
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window


class DepthwiseConv2DOneChannelDsp(Variant):
    """As first layers have it: every filter reads the one channel."""

    op = "depthwise_conv_2d"
    template = "conv_2d/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 2600

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 0).shape[3] == 1 and _of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        return _of(node, graph).dense_call(node.inputs[0], graph.output(node).shape[2])

    def scratch(self, node: Node, graph: Graph) -> int:
        return _of(node, graph).scratch()

    def instructions(self, node: Node, graph: Graph) -> float:
        return _of(node, graph).instructions(graph.output(node).shape[2])


def _of(node: Node, graph: Graph) -> Convolution:
    weight, bias = graph.tensor(node, 1), graph.tensor(node, 2)
    assert weight.data is not None and bias.data is not None
    _, height, width, filters = weight.shape
    return Convolution.of(
        Window.of(node, graph, (height, width)),
        np.moveaxis(weight.data, 3, 0).reshape(filters, height, width, 1),
        bias.data,
        graph.tensor(node, 0).zero_point,
        Requantization.of(node, graph, filters),
    )
