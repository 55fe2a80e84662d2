"""DEPTHWISE_CONV_2D on Armv6-M with fewer words a filter to requantize it: less flash, a few more instructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _thumb_depthwise
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels._thumb_requantization import coarsen, packed_small, shares
from edgebuild.kernels.depthwise_conv_2d_thumb import DepthwiseConv2DThumb
from edgebuild.ops import Call


class DepthwiseConv2DSmallThumb(DepthwiseConv2DThumb):
    """:class:`DepthwiseConv2DThumb` without the word that says where the clamp begins; int8 is the clamp."""

    setup = 106.0
    finish = 72.0

    def exact(self, node: Node, graph: Graph) -> bool:
        return super().exact(node, graph) and not _thumb_depthwise.filters(node, graph).narrow

    def context(self, node: Node, graph: Graph) -> Call:
        call = super().context(node, graph)
        return replace(call, shape={**call.shape, "small": 1})

    def short(self, filters: Filters, taps: int) -> np.ndarray:
        return coarsen(filters, shares(taps)).exact

    def stream(self, filters: Filters, taps: int) -> np.ndarray:
        return packed_small(filters, taps)
