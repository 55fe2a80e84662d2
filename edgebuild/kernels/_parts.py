"""A few rows of an operator's output as an operator of their own, so that any kernel can compute them.

The part reads only the input rows that it needs; where they reach outside the image, the part pads
explicitly.  A kernel cannot tell it from a small layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import find
from edgebuild.ops._lookup import Lookup
from edgebuild.ops._window import EXPLICIT, Window

WINDOWS = ("conv_2d", "depthwise_conv_2d", "average_pool_2d", "max_pool_2d")
ELEMENT_WISE = ("add", "mul", "quantize")
"""Besides every operator that is a table."""


@dataclass(frozen=True)
class PartGraph(Graph):
    """The graph of a part.

    Attributes:
        whole: the graph that holds the whole node, whose other layers may share code with the part.
        origin: the whole node.
    """

    whole: Graph
    origin: Node


@dataclass(frozen=True, eq=False)
class Part:
    """Rows ``first`` to ``first + count`` of a node's output.

    Attributes:
        reads: first row and number of rows that it reads of each operand, by tensor index.
    """

    graph: Graph
    node: Node
    first: int
    count: int
    reads: dict[int, tuple[int, int]]

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """What tells parts apart that need different constants: heights and padding."""
        padding = self.node.options.get(EXPLICIT, ((0, 0),))[0]
        heights = tuple(count for _, count in self.reads.values())
        return (padding, heights, (self.count,))


def neighbours(node: Node, graph: Graph) -> tuple[Node, Graph]:
    """The node and the graph that tell which layers share code: the whole ones for a part."""
    return (graph.origin, graph.whole) if isinstance(graph, PartGraph) else (node, graph)


def divisible(node: Node, graph: Graph) -> bool:
    """Whether the node's output can be computed a few rows at a time from a few rows of its operands."""
    if len(graph.output(node).shape) != 4 or len(node.outputs) != 1:
        return False
    if node.op in WINDOWS:
        return True
    operands = [graph.tensors[i] for i in node.inputs]
    same = all(not t.constant and t.shape == graph.output(node).shape and t.dtype.bytes == 1 for t in operands)
    return same and (node.op in ELEMENT_WISE or isinstance(find(node.op), Lookup))


def sums(node: Node, graph: Graph) -> bool:
    """Whether the node is a pool over its whole input, which a stream computes by adding rows up."""
    if node.op != "average_pool_2d" or len(graph.output(node).shape) != 4:
        return False
    w = window(node, graph)
    return w.output == (1, 1) and w.kernel == w.input and w.before == (0, 0)


def window(node: Node, graph: Graph) -> Window:
    """The window of a node of :data:`WINDOWS`."""
    if node.op.endswith("pool_2d"):
        return Window.of(node, graph, (node.options["filter_height"], node.options["filter_width"]))
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))


def part(node: Node, graph: Graph, first: int, count: int) -> Part:
    """Rows ``first`` to ``first + count`` of ``node``'s output."""
    tensors = list(graph.tensors)
    result = graph.output(node)
    tensors[node.outputs[0]] = replace(result, shape=(1, count, *result.shape[2:]))
    options = dict(node.options)
    reads: dict[int, tuple[int, int]] = {}
    if node.op in WINDOWS:
        w = window(node, graph)
        reach = [(k - 1) * d + 1 for k, d in zip(w.kernel, w.dilation, strict=True)]
        low = first * w.stride[0] - w.before[0]
        high = (first + count - 1) * w.stride[0] - w.before[0] + reach[0]
        begin, end = min(max(low, 0), w.input[0]), max(min(high, w.input[0]), 0)
        right = max((w.output[1] - 1) * w.stride[1] + reach[1] - w.before[1] - w.input[1], 0)
        options[EXPLICIT] = ((begin - low, high - end), (w.before[1], right))
        reads[node.inputs[0]] = (begin, end - begin)
    else:
        reads = dict.fromkeys(node.inputs, (first, count))
    for index, (_, rows) in reads.items():
        source = tensors[index]
        tensors[index] = replace(source, shape=(1, rows, *source.shape[2:]))
    small = replace(node, options=options)
    alone = PartGraph(graph.name, tuple(tensors), (small,), graph.inputs, graph.outputs, graph, node)
    made = Part(alone, small, first, count, reads)
    assert find(node.op).output(small, made.graph)[0].shape == made.graph.output(small).shape, node
    return made
