"""What operators with a sliding window share: geometry, and the rows that an output row reads."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.ir.arithmetic import output_extent, padding_before
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Rows

EXPLICIT = "explicit_padding"
"""Option of a node that took over a PAD: ((top, bottom), (left, right)).  TFLite's schema has no such thing."""


@dataclass(frozen=True)
class Window:
    """Geometry of a window over ``(height, width)``; pairs are (vertical, horizontal)."""

    input: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    output: tuple[int, int]

    @classmethod
    def of(cls, node: Node, graph: Graph, kernel: tuple[int, int]) -> Window:
        """The window of ``node`` with a kernel of the given height and width."""
        options = node.options
        _, height, width, _ = graph.tensor(node, 0).shape
        stride = (options["stride_h"], options["stride_w"])
        dilation = (options.get("dilation_h_factor", 1), options.get("dilation_w_factor", 1))
        output, before = [], []
        explicit = options.get(EXPLICIT)
        for axis, (size, k, s, d) in enumerate(zip((height, width), kernel, stride, dilation, strict=True)):
            if explicit is not None:
                first, last = explicit[axis]
                output.append(output_extent("VALID", first + size + last, k, s, d))
                before.append(first)
                continue
            output.append(output_extent(options["padding"], size, k, s, d))
            before.append(padding_before(size, output[-1], k, s, d))
        return cls((height, width), kernel, stride, dilation, (before[0], before[1]), (output[0], output[1]))

    def rows(self, input_channels: int, output_channels: int) -> Rows:
        """Which input rows an output row reads (one byte an element)."""
        return Rows(
            stride=self.stride[0],
            before=self.before[0],
            reach=(self.kernel[0] - 1) * self.dilation[0] + 1,
            input_row=self.input[1] * input_channels,
            output_row=self.output[1] * output_channels,
        )

    def scalars(self) -> dict[str, int]:
        """Fields of a layer struct that describe the geometry."""
        return {
            "input_height": self.input[0],
            "input_width": self.input[1],
            "output_height": self.output[0],
            "output_width": self.output[1],
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "stride_height": self.stride[0],
            "stride_width": self.stride[1],
            "pad_top": self.before[0],
            "pad_left": self.before[1],
        }
