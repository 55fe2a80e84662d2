"""CONV_2D on Armv6-M for pruned weights of 16 levels: fours of weights are skipped where they are zero."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _sparse_blocks, _sparse_thumb, _thumb_conv
from edgebuild.kernels._int4 import Levels
from edgebuild.kernels._thumb_filters import Filters, stream
from edgebuild.kernels._thumb_requantization import shorten
from edgebuild.kernels.conv_2d_int4_thumb import PIXELS, Conv2DInt4Thumb
from edgebuild.ops import Call

INPUTS = 4
"""Weights of a block, two of which make a word."""

SPILL = 0x40
"""Flag of a word before which lanes are emptied."""

REACH = SPILL - 1
"""Blocks that a byte can skip; a longer gap has a block of zeros in between."""

MOST = 32767
"""What a lane holds at most, and its opposite at least."""


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Filters of 16 levels; ``values`` is ``(filters, blocks, inputs)``."""

    filters: Filters
    values: np.ndarray

    @classmethod
    def of(cls, filters: Filters) -> _Blocks:
        values = Levels.of(filters.weights).values
        padded = np.pad(values, ((0, 0), (0, -values.shape[1] % (2 * INPUTS))))
        return cls(filters, padded.reshape(len(padded), -1, INPUTS))

    @functools.cached_property
    def stored(self) -> list[np.ndarray]:
        """Which blocks each filter stores: an even number."""
        return [_sparse_blocks.even(row, REACH) for row in self.values.any(axis=2)]

    @property
    def words(self) -> int:
        """Words of two blocks."""
        return sum(map(len, self.stored)) // 2

    def skips(self) -> np.ndarray:
        """A byte for each stored block."""
        found = []
        for values, blocks in zip(self.values, self.stored, strict=True):
            octets = _sparse_blocks.skips(blocks, 1)
            products = values[blocks].reshape(-1, 2 * INPUTS)
            least = np.minimum(products * 127, products * -128).sum(axis=1)
            greatest = np.maximum(products * 127, products * -128).sum(axis=1)
            low = high = 0
            for word, (down, up) in enumerate(zip(least, greatest, strict=True)):
                low, high = low + down, high + up
                if low < -MOST or high > MOST:
                    octets[2 * word] |= SPILL
                    low, high = down, up
            found.append(octets)
        return np.concatenate(found)

    def packed(self) -> tuple[np.ndarray, int]:
        """The stream as int32, and how many words come before the bytes."""
        filters, short = self.filters, shorten(self.filters)
        step = Levels.of(filters.weights).step
        head = filters.bias << 8 | filters.shift << 1 | (~short.exact).astype(np.int64)
        rows = []
        for n, blocks in enumerate(self.stored):
            values = self.values[n, blocks].reshape(-1, 2 * INPUTS) & 15
            words = (values << 4 * np.arange(2 * INPUTS)).sum(axis=1)
            last = [short.limit[n], short.factor[n]] if short.exact[n] else [filters.multiplier[n]]
            rows.append(np.concatenate([[head[n]], words, [step[n]], last]))
        joined = stream(np.concatenate(rows)[None])
        return np.concatenate([joined, _sparse_thumb.as_words(self.skips())]), len(joined)


class Conv2DSparseInt4Thumb(Conv2DInt4Thumb):
    """The same with skipped blocks, where they take no more room than all weights would in four bits."""

    code = 1500

    def exact(self, node: Node, graph: Graph) -> bool:
        if not super().exact(node, graph):
            return False
        found = _Blocks.of(_thumb_conv.filters(node, graph))
        return 6 * found.words <= found.values.size // 2

    def context(self, node: Node, graph: Graph) -> Call:
        filters = _thumb_conv.filters(node, graph)
        packed, words = _Blocks.of(filters).packed()
        call = _thumb_conv.call(node, graph, packed, 0, filters.narrow)
        scalars = {
            **call.scalars,
            "stream_words": words,
            "tile_bytes": _tile_bytes(node, graph),
            "rows_bytes": _thumb_conv.rows_bytes(node, graph, PIXELS),
        }
        return replace(call, scalars=scalars, shape={**call.shape, "sparse": 1})

    def instructions(self, node: Node, graph: Graph) -> float:
        filters = _thumb_conv.filters(node, graph)
        found, taps = _Blocks.of(filters), filters.weights.shape[1]
        each = 112.0 * found.words + float((np.where(shorten(filters).exact, 230, 420)).sum())
        geometry = _thumb_conv.window(node, graph)
        gather = 680 + 180 * geometry.kernel[0] + 28 * taps
        return _thumb_conv.tiles(node, graph, PIXELS) * (each + gather)


def _tile_bytes(node: Node, graph: Graph) -> int:
    """Four packed pairs for each tap, padded to eight taps."""
    weight = graph.tensor(node, 1)
    return 2 * PIXELS * (-(-(weight.elements // weight.shape[0]) // 8) * 8)
