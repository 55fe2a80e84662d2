"""CONV_2D on Armv6-M with two words a filter to requantize it: less flash, a few more instructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _thumb_conv
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.kernels._thumb_requantization import coarsen, packed_small
from edgebuild.kernels.conv_2d_thumb import Conv2DThumb
from edgebuild.ops import Call


class Conv2DSmallThumb(Conv2DThumb):
    """:class:`Conv2DThumb` without the word that says where the clamp begins; int8 is the clamp."""

    def exact(self, node: Node, graph: Graph) -> bool:
        return super().exact(node, graph) and not _thumb_conv.filters(node, graph).narrow

    def context(self, node: Node, graph: Graph) -> Call:
        call = super().context(node, graph)
        return replace(call, shape={**call.shape, "small": 1})

    def short(self, filters: Filters) -> np.ndarray:
        return coarsen(filters, shared=False).exact

    def stream(self, filters: Filters) -> np.ndarray:
        return packed_small(filters)

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        more = np.where(self.short(filters), 11, 1).sum()
        return super().instructions(node, graph) + float(_thumb_conv.tiles(node, graph) * more)
