"""What the depthwise convolutions of both scalar cores share: what they can do, their tile and struct."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._parts import neighbours
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window


def window(node: Node, graph: Graph) -> Window:
    """Its geometry; a time series, which is one column, is taken for one row: its bytes are the same."""
    _, height, width, _ = graph.tensor(node, 1).shape
    found = Window.of(node, graph, (height, width))
    if found.input[1] == found.kernel[1] == 1 and found.before[1] == 0:
        turned = {f.name: getattr(found, f.name)[::-1] for f in dataclasses.fields(found)}
        return Window(**turned)
    return found


def filters(node: Node, graph: Graph) -> Filters:
    """The filters; taps are column by column, as the rows are packed."""
    weight = graph.tensor(node, 1)
    assert weight.data is not None
    rows = weight.data[0].transpose(2, 1, 0).reshape(weight.shape[3], -1)
    return Filters.of(node, graph, Requantization.of(node, graph, weight.shape[3]), rows)


def possible(node: Node, graph: Graph) -> bool:
    """Immediate offsets reach every tap; sums of two products fit a lane; the words of a filter suffice."""
    geometry = window(node, graph)
    (height, width), stride, dilation = geometry.kernel, geometry.stride[1], geometry.dilation[1]
    if height * (stride + 1) > 32 or height * width > 64 or max(dilation, stride) * height > 63:
        return False
    if abs((width - 1) * dilation - stride) * height > 63:
        return False
    found = filters(node, graph)
    return bool(found.grouped(2).all()) and found.representable()


BAND = 8
"""Pixels of a time series that are made at once: their outputs wait in scratch memory."""


@dataclass(frozen=True)
class Layout:
    """How output pixels are paired, and what is packed for them.

    Attributes:
        rows: output rows that are made at once: a pair is a column of both, or two columns of one.
        band: output columns that are made at once; all of them, but for a time series.
        columns: pairs.
        second: output columns from the first pixel of a pair to the second.
        tile_columns: columns of the packed rows.
        moving: whether bands begin at different columns, and wait in scratch memory.
    """

    rows: int
    band: int
    columns: int
    second: int
    tile_columns: int
    moving: bool

    @classmethod
    def of(cls, geometry: Window, rows: int, series: bool) -> Layout:
        band = min(geometry.output[1], BAND) if series else geometry.output[1]
        columns = band if rows == 2 else -(-band // 2)
        # the assembly makes two columns at least
        reach = (geometry.kernel[1] - 1) * geometry.dilation[1] + 1
        met = (max(columns, 2) - 1) * geometry.stride[1] + reach
        return cls(rows, band, columns, 0 if rows == 2 else band // 2, met, series)

    def runs(self, geometry: Window) -> int:
        """How many runs of columns are packed at most: where a pixel of a pair enters or leaves the image, one ends."""
        return geometry.kernel[0] * (5 if self.moving or self.second else 1)

    def work(self, geometry: Window, unit: float, setup: float, packing: float) -> float:
        """Instructions a channel: units of two pairs, what each call takes, and packing of a word."""
        calls = -(-geometry.output[0] // self.rows) * -(-geometry.output[1] // self.band)
        waiting = 1.5 * geometry.output[1] * (geometry.output[0] // 2 if self.rows == 2 else self.moving)
        columns, runs = min(self.tile_columns, geometry.input[1]), 1
        if self.second:
            columns, runs = self.tile_columns, 1 + 2 * (geometry.kernel[1] > 1)
        packed = geometry.kernel[0] * (packing * columns + 16 * runs)
        return calls * (-(-self.columns // 2) * unit + setup + packed) + waiting


def layout(geometry: Window, unit: float, setup: float, packing: float) -> Layout:
    """The layout with less work; see :meth:`Layout.work`."""
    series = geometry.input[0] == 1 and geometry.input[1] > 1
    if series:
        return Layout.of(geometry, 1, True)
    found = [Layout.of(geometry, rows, False) for rows in (1, 2)]
    return min(found, key=lambda x: x.work(geometry, unit, setup, packing))


def scratch(node: Node, graph: Graph, chosen: Layout) -> int:
    """The packed rows, a pixel of zero points, a table of what to pack, and outputs that wait."""
    geometry, outputs = window(node, graph), graph.output(node).shape[3]
    waiting = chosen.band * outputs if chosen.moving or chosen.rows == 2 else 0
    return 4 * geometry.kernel[0] * chosen.tile_columns + _zeros(node, graph) + 24 * chosen.runs(geometry) + waiting


def _zeros(node: Node, graph: Graph) -> int:
    return -(-graph.tensor(node, 0).shape[3] // 4) * 4


def call(node: Node, graph: Graph, chosen: Layout, stream: np.ndarray) -> Call:
    """The struct of ``thumb/rows.c.j2``; it is specialised for the window."""
    source, result = graph.tensor(node, 0), graph.output(node)
    geometry = window(node, graph)
    requantization = Requantization.of(node, graph, result.shape[3])
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "input_height": geometry.input[0],
            "input_width": geometry.input[1],
            "output_height": geometry.output[0],
            "output_width": geometry.output[1],
            "stride_width": geometry.stride[1],
            "stride_height": geometry.stride[0],
            "dilation_height": geometry.dilation[0],
            "pad_top": geometry.before[0],
            "pad_left": geometry.before[1],
            "input_channels": source.shape[3],
            "output_channels": result.shape[3],
            "depth_multiplier": result.shape[3] // source.shape[3],
            "input_zero_point": source.zero_point,
            "rows": chosen.rows,
            "band": chosen.band,
            "columns": chosen.columns,
            "second": chosen.second * geometry.stride[1],
            "second_row": geometry.stride[0] if chosen.rows == 2 else 0,
            "second_bytes": chosen.second * result.shape[3],
            "tile_columns": chosen.tile_columns,
            "moving": int(chosen.moving),
            "runs": chosen.runs(geometry),
            "zeros_bytes": _zeros(node, graph),
            "tile_bytes": 4 * geometry.kernel[0] * chosen.tile_columns,
            **requantization.scalars(),
        },
        arrays={"stream": stream},
        shape=_shape(node, graph),
    )


def _shape(node: Node, graph: Graph) -> dict[str, int]:
    """Template constants; layers that differ in the stride of their columns only share a function."""
    geometry = window(node, graph)
    own = {
        "kernel_height": geometry.kernel[0],
        "kernel_width": geometry.kernel[1],
        "dilation_width": geometry.dilation[1],
        "narrow": int(filters(node, graph).narrow),
    }
    node, graph = neighbours(node, graph)
    strides = {geometry.stride[1]}
    for other in graph.nodes:
        if other.op == "depthwise_conv_2d" and other is not node and possible(other, graph):
            theirs = window(other, graph)
            alike = (*theirs.kernel, theirs.dilation[1], int(filters(other, graph).narrow)) == tuple(own.values())
            strides |= {theirs.stride[1]} if alike else set()
    return {**own, "columns": sum(1 << stride for stride in strides)}
