"""DEPTHWISE_CONV_2D, 3x3, with the DSP extension: two output rows and four channels at a time."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_depthwise import GROUP, Depthwise
from edgebuild.ops import Call


class DepthwiseConv2DDsp(Variant):
    """Stride 1 or 2, no dilation, one filter a channel."""

    op = "depthwise_conv_2d"
    template = "depthwise_conv_2d/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 1650

    def exact(self, node: Node, graph: Graph) -> bool:
        channels = graph.tensor(node, 0).shape[3]
        if graph.tensor(node, 1).shape != (1, 3, 3, channels) or channels < GROUP:
            return False
        found = Depthwise.of(node, graph)
        window = found.window
        plain = window.stride in ((1, 1), (2, 2)) and window.dilation == (1, 1)
        return plain and found.channels.form != "general"

    def context(self, node: Node, graph: Graph) -> Call:
        found = Depthwise.of(node, graph)
        window, requantization = found.window, found.requantization
        clamp = (requantization.low, requantization.high) != (-128, 127)
        scalars = {
            "input_height": window.input[0],
            "input_width": window.input[1],
            "output_height": window.output[0],
            "output_width": window.output[1],
            "pad_top": window.before[0],
            "pad_left": window.before[1],
            "channels": len(found.channels.bias),
            "strip": found.strip,
            "input_zero_point": graph.tensor(node, 0).zero_point,
            "output_zero_point": requantization.zero_point,
        }
        if clamp:
            scalars |= {"output_min": requantization.low, "output_max": requantization.high}
        shape = {
            "stride": window.stride[0],
            "roundings": 1 if found.channels.form == "relu" else 2,
            "clamp": int(clamp),
        }
        return Call((node.inputs[0],), scalars, {"weights": found.columns()}, shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        found = Depthwise.of(node, graph)
        (height, width), stride = found.window.output, found.window.stride[0]
        waits = stride == 1 and height > 1 and width > 1
        return 32 * (stride * found.strip + 3 - stride) + waits * width * len(found.channels.bias)

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Depthwise.of(node, graph)
        (height, width), stride = found.window.output, found.window.stride[0]
        pairs, singles = divmod(height, 2) if stride == 1 and width > 1 else (0, height)
        channels = -(-graph.output(node).shape[3] // GROUP) * GROUP
        strips = -(-width // found.strip)
        packed = 6 * (stride * width + 2 * (strips - 1)) + 50 * strips
        pair = channels * (packed + width // 2 * 53 + width % 2 * 31) + width * channels + 150 * strips
        single = channels * (packed + width // 4 * (53 + 3 * (stride - 1)) + width % 4 * 21) + 150 * strips
        return pairs * pair + singles * single
