"""Depthwise convolution of a single input channel on Helium: an ordinary convolution with one filter per output."""

from __future__ import annotations

from dataclasses import replace

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels.conv_2d_mve import Conv2DMve
from edgebuild.ops import Call


class DepthwiseConv2DOneChannelMve(Variant):
    """The weights are transposed at build time; the rest is :class:`Conv2DMve`."""

    op = "depthwise_conv_2d"
    template = Conv2DMve.template
    features = Conv2DMve.features
    includes = Conv2DMve.includes
    code = 2300

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 0).shape[3] == 1

    def scratch(self, node: Node, graph: Graph) -> int:
        return Conv2DMve().scratch(*_ordinary(node, graph))

    def instructions(self, node: Node, graph: Graph) -> float:
        return Conv2DMve().instructions(*_ordinary(node, graph))

    def context(self, node: Node, graph: Graph) -> Call:
        return Conv2DMve().context(*_ordinary(node, graph))


def _ordinary(node: Node, graph: Graph) -> tuple[Node, Graph]:
    """The node as a CONV_2D, in a graph that has it in the node's place."""
    weight = graph.tensor(node, 1)
    assert weight.data is not None and weight.quantization is not None
    data = weight.data.transpose(3, 1, 2, 0).copy()
    turned = replace(weight, shape=data.shape, data=data, quantization=replace(weight.quantization, axis=0))
    tensors = list(graph.tensors)
    tensors[node.inputs[1]] = turned
    ordinary = replace(node, op="conv_2d")
    nodes = tuple(ordinary if n is node else n for n in graph.nodes)
    return ordinary, replace(graph, tensors=tuple(tensors), nodes=nodes)
