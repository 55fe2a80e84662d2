"""DEPTHWISE_CONV_2D on Armv7-M without DSP: two pairs of pixels at a time."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_depthwise
from edgebuild.kernels._thumb_depthwise import Layout
from edgebuild.kernels._thumb_requantization import doubled
from edgebuild.ops import Call
from edgebuild.ops._window import Window


class DepthwiseConv2DThumb2(Variant):
    """Windows of at most 64 taps whose weights, biases and shifts the packed pairs can hold."""

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/thumb2.c.j2"
    features = frozenset({"thumb2"})
    code = 1950

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_depthwise.possible(node, graph)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_depthwise.scratch(node, graph, _layout(node, graph))

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_depthwise.filters(node, graph)
        return _thumb_depthwise.call(node, graph, _layout(node, graph), doubled(filters))

    def instructions(self, node: Node, graph: Graph) -> float:
        geometry = _thumb_depthwise.window(node, graph)
        channels = graph.output(node).shape[3]
        return channels * _layout(node, graph).work(geometry, *_costs(geometry)) + 100


def _costs(geometry: Window) -> tuple[float, float, float]:
    taps = geometry.kernel[0] * geometry.kernel[1]
    return 6.0 * taps + 46, 38 + 1.3 * taps, 6.1


def _layout(node: Node, graph: Graph) -> Layout:
    geometry = _thumb_depthwise.window(node, graph)
    return _thumb_depthwise.layout(geometry, *_costs(geometry))
