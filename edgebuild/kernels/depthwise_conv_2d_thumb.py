"""DEPTHWISE_CONV_2D on Armv6-M: two rows and two columns at a time, no 64-bit arithmetic."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _thumb_depthwise
from edgebuild.kernels._thumb_depthwise import Layout
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels._thumb_requantization import packed, shorten
from edgebuild.ops import Call
from edgebuild.ops._window import Window

GENERAL = 170.0
"""Instructions to requantize and store two pairs in general form."""


class DepthwiseConv2DThumb(Variant):
    """Windows of at most 64 taps whose weights, biases and shifts the packed pairs can hold.

    Attributes:
        setup: instructions of one call, but for its taps.
        finish: of two pairs, to requantize and store them in short form.
    """

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/thumb.c.j2"
    features = frozenset({"thumb"})
    code = 1950
    setup: ClassVar[float] = 100.0
    finish: ClassVar[float] = 64.0

    def exact(self, node: Node, graph: Graph) -> bool:
        return _thumb_depthwise.possible(node, graph)

    def scratch(self, node: Node, graph: Graph) -> int:
        return _thumb_depthwise.scratch(node, graph, self._layout(node, graph))

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_depthwise.filters(node, graph)
        stream = self.stream(filters, _taps(_thumb_depthwise.window(node, graph)))
        return _thumb_depthwise.call(node, graph, self._layout(node, graph), stream)

    def short(self, filters: Filters, taps: int) -> np.ndarray:
        """Which filters of so many taps take the short requantization."""
        return shorten(filters).exact

    def stream(self, filters: Filters, taps: int) -> np.ndarray:
        """What the code reads, filter after filter."""
        return packed(filters, shorten(filters), taps)

    def instructions(self, node: Node, graph: Graph) -> float:
        geometry = _thumb_depthwise.window(node, graph)
        short = self.short(_thumb_depthwise.filters(node, graph), _taps(geometry))
        fast = self._layout(node, graph).work(geometry, *self._costs(geometry, self.finish))
        slow = self._layout(node, graph).work(geometry, *self._costs(geometry, GENERAL))
        return float(np.where(short, fast, slow).sum() + 100)

    def _costs(self, geometry: Window, finish: float) -> tuple[float, float, float]:
        return 9.2 * _taps(geometry) + finish, self.setup + 3 * _taps(geometry), 7.6

    def _layout(self, node: Node, graph: Graph) -> Layout:
        geometry = _thumb_depthwise.window(node, graph)
        return _thumb_depthwise.layout(geometry, *self._costs(geometry, self.finish))


def _taps(geometry: Window) -> int:
    return geometry.kernel[0] * geometry.kernel[1]
