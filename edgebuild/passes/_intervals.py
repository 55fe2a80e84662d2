"""Interval analysis: the values that each channel of each int8 tensor can take, whatever the input.

An interval is sound, not tight: a value outside it is impossible.  The last axis is the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window


@dataclass(frozen=True, eq=False)
class Interval:
    """Lowest and highest value of each channel, int64 arrays."""

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """Which channels can only ever have one value."""
        return np.asarray(self.low == self.high)

    @classmethod
    def full(cls, channels: int) -> Interval:
        """Nothing known: all of int8."""
        return cls(np.full(channels, -128), np.full(channels, 127))


def analyse(graph: Graph) -> Mapping[int, Interval]:
    """The interval of every int8 tensor that is computed at run time."""
    known: dict[int, Interval] = {}
    for index in graph.inputs:
        _note(known, graph.tensors[index], index, None)
    for node in graph.nodes:
        rule = _RULES.get(node.op)
        found = rule(node, graph, known) if rule and node.inputs[0] in known else None
        for index in node.outputs:
            _note(known, graph.tensors[index], index, found)
    return MappingProxyType(known)


def _note(known: dict[int, Interval], tensor: Tensor, index: int, found: Interval | None) -> None:
    if tensor.dtype is DType.INT8 and tensor.shape:
        known[index] = Interval.full(tensor.shape[-1]) if found is None else found


def padded(node: Node, graph: Graph) -> bool:
    """Whether a window of ``node`` ever reaches outside its input."""
    window = window_of(node, graph)
    for size, kernel, stride, dilation, before, output in zip(
        window.input, window.kernel, window.stride, window.dilation, window.before, window.output, strict=True
    ):
        if before or (output - 1) * stride - before + (kernel - 1) * dilation >= size:
            return True
    return False


def window_of(node: Node, graph: Graph) -> Window:
    """The window of a convolution."""
    _, height, width, _ = graph.tensor(node, 1).shape
    return Window.of(node, graph, (height, width))


def _accumulated(products: tuple[np.ndarray, np.ndarray], bias: Tensor | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Sums of ``products`` over all but the last axis, plus the bias; None when int32 could wrap around."""
    start = 0 if bias is None or bias.data is None else bias.data.astype(np.int64)
    low, high = (start + p.reshape(-1, p.shape[-1]).sum(axis=0) for p in products)
    limit = 2**31 - 1
    return None if (low < -limit).any() or (high > limit).any() else (low, high)


def _requantized(node: Node, graph: Graph, sums: tuple[np.ndarray, np.ndarray] | None) -> Interval | None:
    """Requantization never turns a larger sum into a smaller value."""
    if sums is None:
        return None
    requantization = Requantization.of(node, graph, len(sums[0]))
    low, high = (requantization.apply(s).astype(np.int64) for s in sums)
    return Interval(low, high)


def _products(weights: np.ndarray, interval: Interval, zero_point: int, *, zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest ``weight * (value - zero_point)``; ``zero``: the value may also be padding."""
    low, high = interval.low - zero_point, interval.high - zero_point
    if zero:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return np.minimum(weights * low, weights * high), np.maximum(weights * low, weights * high)


def _convolution(node: Node, graph: Graph, known: Mapping[int, Interval]) -> Interval | None:
    weight = graph.tensor(node, 1).data
    assert weight is not None
    interval = known[node.inputs[0]]
    if weight.shape[3] != len(interval.low):
        return None  # groups
    zero_point = graph.tensor(node, 0).zero_point
    products = _products(weight.astype(np.int64), interval, zero_point, zero=padded(node, graph))
    moved = tuple(np.moveaxis(p, 0, -1) for p in products)
    return _requantized(node, graph, _accumulated((moved[0], moved[1]), graph.optional(node, 2)))


def _depthwise(node: Node, graph: Graph, known: Mapping[int, Interval]) -> Interval | None:
    weight = graph.tensor(node, 1).data
    assert weight is not None
    interval = known[node.inputs[0]]
    repeats = weight.shape[3] // len(interval.low)
    each = Interval(np.repeat(interval.low, repeats), np.repeat(interval.high, repeats))
    zero_point = graph.tensor(node, 0).zero_point
    products = _products(weight.astype(np.int64), each, zero_point, zero=padded(node, graph))
    return _requantized(node, graph, _accumulated(products, graph.optional(node, 2)))


def _fully_connected(node: Node, graph: Graph, known: Mapping[int, Interval]) -> Interval | None:
    weight = graph.tensor(node, 1).data
    assert weight is not None
    interval = known[node.inputs[0]]
    quantization = graph.tensor(node, 1).quantization
    if weight.shape[1] != len(interval.low) or quantization is None or not quantization.per_channel:
        return None  # rows of another length, or the multiplier that the reference computes in float32
    products = _products(weight.astype(np.int64), interval, graph.tensor(node, 0).zero_point, zero=False)
    moved = tuple(np.moveaxis(p, 0, -1) for p in products)
    return _requantized(node, graph, _accumulated((moved[0], moved[1]), graph.optional(node, 2)))


def _pool(node: Node, graph: Graph, known: Mapping[int, Interval]) -> Interval | None:
    """A mean or maximum lies between the lowest and the highest value; both are clamped alike."""
    interval, result = known[node.inputs[0]], graph.output(node)
    limits = arithmetic.activation_range(node.options["fused_activation_function"], result.scale, result.zero_point)
    return Interval(np.clip(interval.low, *limits), np.clip(interval.high, *limits))


def _same(node: Node, graph: Graph, known: Mapping[int, Interval]) -> Interval | None:
    """A reshape that keeps the channels last, or flattens an image of one pixel."""
    interval = known[node.inputs[0]]
    source, result = graph.tensor(node, 0).shape, graph.output(node).shape
    if result[-1] == source[-1]:
        return interval
    pixels = result[-1] // source[-1] if result[-1] % source[-1] == 0 else 0
    if pixels and result[-1] == graph.output(node).elements:
        return Interval(np.tile(interval.low, pixels), np.tile(interval.high, pixels))
    return None


_Rule = Callable[[Node, Graph, Mapping[int, Interval]], Interval | None]

_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "conv_2d": _convolution,
        "depthwise_conv_2d": _depthwise,
        "fully_connected": _fully_connected,
        "average_pool_2d": _pool,
        "max_pool_2d": _pool,
        "reshape": _same,
    }
)
