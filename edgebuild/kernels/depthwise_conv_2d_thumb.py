"""DEPTHWISE_CONV_2D on Armv6-M: two rows and two columns at a time, no 64-bit arithmetic."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_depthwise
from edgebuild.kernels._thumb_depthwise import Layout
from edgebuild.kernels._thumb_requantization import packed, shorten
from edgebuild.ops import Call
from edgebuild.ops._window import Window


class DepthwiseConv2DThumb(Variant):
    """Windows of at most 64 taps whose weights, biases and shifts the packed pairs can hold."""

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/thumb.c.j2"
    features = frozenset({"thumb"})
    code = 1950

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_depthwise.possible(node, graph)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_depthwise.scratch(node, graph, _layout(node, graph))

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_depthwise.filters(node, graph)
        geometry = _thumb_depthwise.window(node, graph)
        stream = packed(filters, shorten(filters), geometry.kernel[0] * geometry.kernel[1])
        return _thumb_depthwise.call(node, graph, _layout(node, graph), stream)

    def instructions(self, node: Node, graph: Graph) -> float:
        geometry = _thumb_depthwise.window(node, graph)
        short = shorten(_thumb_depthwise.filters(node, graph)).exact
        fast = _layout(node, graph).work(geometry, *_costs(geometry, 64))
        slow = _layout(node, graph).work(geometry, *_costs(geometry, 170))
        return float(np.where(short, fast, slow).sum() + 100)


def _costs(geometry: Window, finish: float) -> tuple[float, float, float]:
    taps = geometry.kernel[0] * geometry.kernel[1]
    return 9.2 * taps + finish, 100 + 3 * taps, 7.6


def _layout(node: Node, graph: Graph) -> Layout:
    geometry = _thumb_depthwise.window(node, graph)
    return _thumb_depthwise.layout(geometry, *_costs(geometry, 64))
