"""CONV_2D with the DSP extension: three pixels times two filters at a time, weights of one byte."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_conv import Convolution
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization, bias_or_zeros
from edgebuild.ops._window import Window


class Conv2DDsp(Variant):
    """Any convolution without groups; ``edgebuild.kernels._dsp_conv`` says how."""

    op = "conv_2d"
    template = "conv_2d/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 2600

    def exact(self, node: Node, graph: Graph) -> bool:
        return graph.tensor(node, 1).shape[3] == graph.tensor(node, 0).shape[3] and _of(node, graph).exact

    def context(self, node: Node, graph: Graph) -> Call:
        return _of(node, graph).dense_call(node.inputs[0], graph.output(node).shape[2])

    def scratch(self, node: Node, graph: Graph) -> int:
        return _of(node, graph).scratch()

    def instructions(self, node: Node, graph: Graph) -> float:
        return _of(node, graph).instructions(graph.output(node).shape[2])


def _of(node: Node, graph: Graph) -> Convolution:
    weight, bias = graph.tensor(node, 1), graph.optional(node, 2)
    assert weight.data is not None
    filters, height, width, _ = weight.shape
    return Convolution.of(
        Window.of(node, graph, (height, width)),
        weight.data,
        bias_or_zeros(bias.data if bias else None, filters),
        graph.tensor(node, 0).zero_point,
        Requantization.of(node, graph, filters),
    )
