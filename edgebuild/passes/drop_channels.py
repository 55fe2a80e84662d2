"""Folds channels that can only ever have one value into the biases behind them, and drops channels nobody uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import Quantization
from edgebuild.passes import Pass
from edgebuild.passes._intervals import Interval, analyse, padded

LEAST = 4
"""Channels that always stay: fewer would only cost kernels their alignment."""

_THROUGH = ("average_pool_2d", "max_pool_2d", "reshape")
_READERS = ("conv_2d", "fully_connected")


class DropChannels(Pass):
    """Fewer MACs, weights and RAM, byte for byte the same: what interval analysis proves constant is not computed."""

    def run(self, graph: Graph) -> Graph:
        intervals = dict(analyse(graph))
        for number in range(len(graph.nodes)):
            node = graph.nodes[number]
            if node.op != "conv_2d" or node.outputs[0] not in intervals or not _whole(node, graph):
                continue
            dropped = _droppable(node.outputs[0], graph, intervals)
            if dropped.any():
                change = _Change(graph, intervals)
                change.outputs(node, ~dropped)
                change.tensor(node.outputs[0], ~dropped)
                graph = replace(graph, tensors=tuple(change.tensors), nodes=tuple(change.nodes))
                intervals = change.narrowed
        return graph


def _whole(node: Node, graph: Graph) -> bool:
    """Whether the node has no groups and no depth multiplier, so that channels can be told apart."""
    channels = graph.tensor(node, 0).shape[3]
    weights = graph.tensor(node, 1).shape
    return weights[3] == channels


def _readers(index: int, graph: Graph) -> list[Node]:
    return [n for n in graph.nodes if index in n.inputs]


def _droppable(index: int, graph: Graph, intervals: Mapping[int, Interval]) -> np.ndarray:
    """Which channels of tensor ``index`` need not be computed; at least :data:`LEAST` stay."""
    interval = intervals[index]
    channels = len(interval.low)
    found = _unneeded(index, graph, intervals, np.ones(channels, bool))
    room = channels - LEAST
    if found.sum() > room:
        found[np.flatnonzero(found)[max(room, 0) :]] = False
    return found


def _unneeded(index: int, graph: Graph, intervals: Mapping[int, Interval], asked: np.ndarray) -> np.ndarray:
    """Which of the channels ``asked`` for no reader of the tensor needs."""
    if index in graph.outputs or index not in intervals:
        return np.zeros_like(asked)
    interval, tensor = intervals[index], graph.tensors[index]
    for node in _readers(index, graph):
        if node.op == "depthwise_conv_2d" and _whole(node, graph):
            asked = asked & _unneeded(node.outputs[0], graph, intervals, asked)
        elif node.op in _THROUGH:
            asked = asked & _through(node, graph, intervals, asked)
        elif node.op in _READERS:
            asked = asked & (_foldable(node, graph, interval, tensor) | _unused(node, graph, len(interval.low)))
        else:
            return np.zeros_like(asked)
    return asked


def _through(node: Node, graph: Graph, intervals: Mapping[int, Interval], asked: np.ndarray) -> np.ndarray:
    """What the readers behind a pool or a reshape need, in terms of the channels before it."""
    channels, behind = graph.tensor(node, 0).shape[-1], graph.output(node).shape[-1]
    if behind % channels:
        return np.zeros_like(asked)
    spread = np.tile(asked, behind // channels)
    return np.asarray(_unneeded(node.outputs[0], graph, intervals, spread).reshape(-1, channels).all(axis=0))


def _foldable(node: Node, graph: Graph, interval: Interval, tensor: Tensor) -> np.ndarray:
    """Constant channels that the node's bias can take over; where there is padding, only the value zero."""
    if node.op == "conv_2d" and padded(node, graph):
        return np.asarray(interval.constant & (interval.low == tensor.zero_point))
    return interval.constant


def _unused(node: Node, graph: Graph, channels: int) -> np.ndarray:
    """Channels for which the node has nothing but zero weights."""
    weights = graph.tensor(node, 1).data
    assert weights is not None
    if weights.shape[-1] != channels:
        return np.zeros(channels, bool)
    return np.asarray((weights.reshape(-1, channels) == 0).all(axis=0))


class _Change:
    """Tensors and nodes of a graph while channels are being taken out.

    Constants are copied, since another node may share them.

    Attributes:
        narrowed: the intervals afterwards; the channels that stay keep theirs.
    """

    def __init__(self, graph: Graph, intervals: Mapping[int, Interval]) -> None:
        self.graph = graph
        self.intervals = intervals
        self.narrowed = dict(intervals)
        self.tensors = list(graph.tensors)
        self.nodes = list(graph.nodes)

    def _constant(self, node: Node, position: int, data: np.ndarray, keep: np.ndarray | None = None) -> None:
        """Give ``node`` a constant of its own; ``keep`` selects per-channel scales."""
        current = self._current(node)
        old = self.tensors[current.inputs[position]]
        quantization = old.quantization
        if keep is not None and quantization is not None and quantization.per_channel:
            chosen = np.flatnonzero(keep)
            quantization = Quantization(
                tuple(quantization.scales[i] for i in chosen),
                tuple(quantization.zero_points[i] for i in chosen),
                quantization.axis,
            )
        self.tensors.append(replace(old, shape=data.shape, data=data, quantization=quantization))
        inputs = list(current.inputs)
        inputs[position] = len(self.tensors) - 1
        self.nodes[self.nodes.index(current)] = replace(current, inputs=tuple(inputs))

    def _current(self, node: Node) -> Node:
        return next(n for n in self.nodes if n.outputs == node.outputs)

    def _data(self, node: Node, position: int) -> np.ndarray | None:
        current = self._current(node)
        if position >= len(current.inputs) or current.inputs[position] < 0:
            return None
        return self.tensors[current.inputs[position]].data

    def outputs(self, node: Node, keep: np.ndarray) -> None:
        """``node`` computes only the channels to keep."""
        weights, bias = self._data(node, 1), self._data(node, 2)
        assert weights is not None
        kept = weights[keep] if node.op != "depthwise_conv_2d" else weights[..., keep]
        self._constant(node, 1, kept, keep)
        if bias is not None:
            self._constant(node, 2, bias[keep], keep)

    def tensor(self, index: int, keep: np.ndarray) -> None:
        """Tensor ``index`` loses channels, and so does everything behind it as far as they reach."""
        old = self.tensors[index]
        self.tensors[index] = replace(old, shape=(*old.shape[:-1], int(keep.sum())))
        known = self.intervals[index]
        self.narrowed[index] = Interval(known.low[keep], known.high[keep])
        for node in _readers(index, self.graph):
            if node.op in _READERS:
                self._inputs(node, index, keep)
                continue
            behind = keep
            if node.op == "depthwise_conv_2d":
                self.outputs(node, keep)
            elif node.op == "reshape":
                behind = np.tile(keep, self.graph.output(node).shape[-1] // len(keep))
                self._reshape(node, behind)
            self.tensor(node.outputs[0], behind)

    def _reshape(self, node: Node, keep: np.ndarray) -> None:
        shape = (*self.graph.output(node).shape[:-1], int(keep.sum()))
        if len(node.inputs) > 1:
            self._constant(node, 1, np.array(shape, np.int32))

    def _inputs(self, node: Node, index: int, keep: np.ndarray) -> None:
        """``node`` no longer reads the dropped channels; what they always added goes into its bias."""
        weights, bias = self._data(node, 1), self._data(node, 2)
        assert weights is not None
        gone = ~keep
        values = self.intervals[index].low[gone] - self.graph.tensors[index].zero_point
        dropped = weights[..., gone].astype(np.int64)
        constant = self.intervals[index].constant[gone]
        added = (dropped * np.where(constant, values, 0)).reshape(weights.shape[0], -1).sum(axis=1)
        self._constant(node, 1, weights[..., keep])
        if bias is not None and added.any():
            self._constant(node, 2, (bias + added).astype(np.int32))
