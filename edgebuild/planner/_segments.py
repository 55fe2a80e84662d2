"""Which consecutive nodes should run as streams: the cut of the line into units whose peak is least.

A unit is a single node or a segment.  The cut is found exactly among all cuts with segments of at most
:data:`LONGEST` nodes, by dynamic programming over the peak; among equal peaks the one with fewer
predicted instructions wins.
"""

from __future__ import annotations

import math

from edgebuild import kernels, ops
from edgebuild.arena import Segment
from edgebuild.ir.graph import Graph
from edgebuild.kernels import Selection
from edgebuild.planner import ALIGNMENT
from edgebuild.planner._overlap import forward_distance
from edgebuild.planner._stream import segment_of

LONGEST = 16
"""Longer segments were never better on any network tried, and cost planning time."""


class Cuts:
    """Prices units of a graph, once each.

    Attributes:
        root: the tensor whose memory each run-time tensor shares.
        pushed: the model's input if its rows are pushed: then the first unit is a segment that takes them.
    """

    def __init__(self, graph: Graph, selection: Selection, root: dict[int, int], pushed: int | None = None) -> None:
        self.graph, self.selection, self.root, self.pushed = graph, selection, root, pushed
        self.first = dict.fromkeys(set(root.values()), -1)
        self.last = dict(self.first)
        for number, node in enumerate(graph.nodes):
            for index in node.outputs:
                if root[index] == index:
                    self.first[index] = self.last[index] = number
            for index in node.inputs:
                if index in root:
                    self.last[root[index]] = number
        for index in graph.outputs:
            self.last[root[index]] = len(graph.nodes)
        self.pushed_until = self.last.pop(pushed) if pushed is not None else -1
        if pushed is not None:
            del self.first[pushed]

    def best(self) -> tuple[tuple[Segment, ...], float]:
        """The segments of the best cut, and its peak in bytes; infinite if the input's rows cannot be taken."""
        count = len(self.graph.nodes)
        # (peak, instructions, segments) of the best cut of the first n nodes
        table: list[tuple[float, float, tuple[Segment, ...]]] = [(0, 0.0, ())]
        for end in range(count):
            peak, work, segments = table[end]
            options: list[tuple[float, float, tuple[Segment, ...]]] = [(math.inf, math.inf, ())]
            if end > self.pushed_until:
                bytes_, instructions = self._single(end)
                options = [(max(peak, bytes_), work + instructions, segments)]
            for begin in range(end if self.pushed is not None else end - 1, max(end - LONGEST, -1), -1):
                if not self._may_begin(begin):
                    break
                if not self._may_take(begin, end):
                    continue
                least = min(option[0] for option in options)
                if max(table[begin][0], self._around(begin)) >= least or not self._may_stream(begin, end):
                    continue
                segment, bytes_ = self._streamed(begin, end)
                peak, work, segments = table[begin]
                options.append((max(peak, bytes_), work + segment.instructions, (*segments, segment)))
            table.append(min(options, key=lambda o: (o[0], o[1])))
        return table[count][2], table[count][0]

    def _may_begin(self, number: int) -> bool:
        return kernels.divisible(self.graph.nodes[number], self.graph)

    def _may_take(self, begin: int, end: int) -> bool:
        """Whether the rows that are pushed end up in one segment; a node alone may only take rows."""
        takes = self.pushed is not None and begin == 0
        return end >= self.pushed_until if takes else self.pushed_until < begin < end

    def _may_stream(self, begin: int, end: int) -> bool:
        """Whether only the last output of the nodes is read outside, and each but the last can be divided."""
        nodes = self.graph.nodes
        if not kernels.divisible(nodes[end], self.graph):
            return False
        if any(kernels.sums(nodes[n], self.graph) for n in range(begin, end)):
            return False
        for number in range(begin, end):
            index = nodes[number].outputs[0]
            if index in self.graph.outputs or self.last[self.root[index]] > end:
                return False
        return True

    def _around(self, begin: int) -> int:
        """Bytes of everything made before node ``begin`` and needed in it or later."""
        alive = (t for t in self.first if self.first[t] < begin <= self.last[t])
        return sum(_up(self.graph.tensors[t].bytes) for t in alive)

    def _single(self, number: int) -> tuple[int, float]:
        node, kernel = self.graph.nodes[number], self.selection[number]
        if kernel is None:
            return self._around(number), 0.0
        outputs = sum(_up(self.graph.tensors[i].bytes) for i in node.outputs)
        result = self.graph.output(node)
        saved = 0
        for index in {i for i in node.inputs if i in self.root and self.last[self.root[i]] == number}:
            rows = ops.find(node.op).rows(node, self.graph, index)
            if rows is not None:
                height = result.elements * result.dtype.bytes // max(rows.output_row, 1)
                saved = max(saved, self._shared(outputs, index, forward_distance(rows, height)))
        total = self._around(number) + outputs + _up(kernel.scratch(node, self.graph)) - saved
        return total, kernel.instructions(node, self.graph)

    def _streamed(self, begin: int, end: int) -> tuple[Segment, int]:
        pushed = self.pushed if begin == 0 else None
        segment = segment_of(self.graph, self.selection, begin, end, dict.fromkeys(range(begin, end + 1), 1), pushed)
        output = _up(self.graph.output(self.graph.nodes[end]).bytes)
        dying = [t for t in segment.distances if begin <= self.last[self.root[t]] <= end]
        saved = max((self._shared(output, t, segment.distances[t]) for t in dying), default=0)
        return segment, self._around(begin) + segment.bytes + output - saved

    def _shared(self, output: int, operand: int, distance: int) -> int:
        """Bytes that an output and the operand that dies in its unit can share."""
        size = _up(self.graph.tensors[operand].bytes)
        return max(0, output + size - max(size + max(_up(distance), 0), output))


def _up(bytes_: int) -> int:
    return -(-bytes_ // ALIGNMENT) * ALIGNMENT
