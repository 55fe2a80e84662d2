"""What the convolutions of both scalar cores share: what they can do, the tile they gather, their struct."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window

TILE = 4
"""Output pixels at a time."""


def filters(node: Node, graph: Graph) -> Filters:
    """The filters of a CONV_2D; taps are in the order of the window, channel by channel."""
    weight = graph.tensor(node, 1)
    assert weight.data is not None
    requantization = Requantization.of(node, graph, weight.shape[0])
    return Filters.of(node, graph, requantization, weight.data.reshape(weight.shape[0], -1))


def window(node: Node, graph: Graph) -> Window:
    """Its geometry."""
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))


def possible(node: Node, graph: Graph) -> bool:
    """One group; sums of two products fit a lane; head words and the general requantization suffice."""
    if graph.tensor(node, 0).shape[3] != graph.tensor(node, 1).shape[3]:
        return False
    found = filters(node, graph)
    return bool(found.grouped(2).all()) and found.representable()


def tile_bytes(node: Node, graph: Graph) -> int:
    """Two packed pairs for each tap, padded to four taps."""
    weight = graph.tensor(node, 1)
    taps = weight.elements // weight.shape[0]
    return 8 * (-(-taps // 4) * 4)


def scratch(node: Node, graph: Graph, tile: int | None = None, pixels: int = TILE) -> int:
    """The tile, the rows beside it, and the outputs of a tile of which some pixels lie behind the last.

    Args:
        tile: bytes of the packed pairs; of four pixels by default.
    """
    result = graph.output(node)
    partial = result.shape[2] < pixels and result.shape[1] * result.shape[2] % pixels > 0
    packed = tile_bytes(node, graph) if tile is None else tile
    return packed + rows_bytes(node, graph, pixels) + (pixels * result.shape[3] if partial else 0)


def rows_bytes(node: Node, graph: Graph, pixels: int = TILE) -> int:
    """A row of zero points, and one for each pixel of a tile if windows are clipped."""
    geometry, channels = window(node, graph), graph.tensor(node, 0).shape[3]
    whole = geometry.dilation[1] == 1 and geometry.before[1] == 0 and _last_column(geometry) <= geometry.input[1]
    return (1 if whole else pixels + 1) * geometry.kernel[1] * channels


def tiles(node: Node, graph: Graph, pixels: int = TILE) -> int:
    """Tiles of so many output pixels."""
    height, width = window(node, graph).output
    return -(-height * width // pixels)


def _last_column(geometry: Window) -> int:
    return (geometry.output[1] - 1) * geometry.stride[1] - geometry.before[1] + geometry.kernel[1]


def call(node: Node, graph: Graph, stream: np.ndarray, entry: int, narrow: bool) -> Call:
    """The struct of ``thumb/tiles.c.j2``.

    Args:
        stream: int32, filter after filter.
        entry: fours of weights that the first turn of the unrolled loop skips.
    """
    source, result = graph.tensor(node, 0), graph.output(node)
    geometry = window(node, graph)
    requantization = Requantization.of(node, graph, result.shape[3])
    return Call(
        operands=(node.inputs[0],),
        scalars={
            **geometry.scalars(),
            "dilation_height": geometry.dilation[0],
            "dilation_width": geometry.dilation[1],
            "input_channels": source.shape[3],
            "output_channels": result.shape[3],
            "input_zero_point": source.zero_point,
            "tile_bytes": tile_bytes(node, graph),
            "rows_bytes": rows_bytes(node, graph),
            "entry": entry,
            "stream_words": len(stream),
            **requantization.scalars(),
        },
        arrays={"stream": stream},
        shape={"narrow": int(narrow)},
    )
