"""Several operators as one stream of rows: whole tensors between them never exist.

Rows are pulled: a row of the segment's output asks for the rows it reads, and so on back to the
segment's inputs, which lie whole in the arena, or to the next row that the caller pushes.  Between
operators a few rows are held, contiguous; when they are no longer needed the rest moves down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebuild import kernels
from edgebuild.arena import Segment, StreamCall, StreamMove, StreamPush, StreamStep, StreamSum
from edgebuild.ir.graph import Graph
from edgebuild.kernels import Part, Selection

ALIGNMENT = 4

POSITION_BYTES = 4
"""A number that must outlive a push: the step, and where each operand and the output are."""


@dataclass
class _Held:
    """Rows of a tensor that are held at the moment: ``base`` up to ``next``."""

    base: int = 0
    next: int = 0
    most: int = 0


@dataclass
class Stream:
    """Runs a segment row by row, on paper.

    Attributes:
        first, last: nodes of the segment, both included.
        rows: how many rows each node makes at once.
        pushed: the tensor whose rows the caller pushes, or None.
    """

    graph: Graph
    first: int
    last: int
    rows: Mapping[int, int]
    pushed: int | None = None
    steps: list[StreamStep] = field(default_factory=list)
    held: dict[int, _Held] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    distances: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.maker = {self.graph.nodes[n].outputs[0]: n for n in range(self.first, self.last + 1)}
        self.readers: dict[int, list[int]] = {}
        for number in range(self.first, self.last + 1):
            for index in self.graph.nodes[number].inputs:
                if index >= 0 and not self.graph.tensors[index].constant:
                    self.readers.setdefault(index, []).append(number)
        self.output = self.graph.nodes[self.last].outputs[0]

    def run(self) -> None:
        """Pull every row of the output."""
        for row in range(self.height(self.output)):
            self._produce(self.output, row)
        if self.pushed is not None:
            self._take(self.pushed, self.height(self.pushed) - 1)  # rows that nobody reads

    def height(self, tensor: int) -> int:
        """Rows of a whole tensor."""
        return self.graph.tensors[tensor].shape[1]

    def row_bytes(self, tensor: int) -> int:
        """Bytes of one row."""
        t = self.graph.tensors[tensor]
        return t.bytes // t.shape[1]

    def _inside(self, tensor: int) -> bool:
        """Whether rows of ``tensor`` are held."""
        return tensor in self.maker or tensor == self.pushed

    def _take(self, tensor: int, row: int) -> None:
        """Wait for rows of the model's input up to ``row``."""
        state = self.held.setdefault(tensor, _Held())
        while state.next <= row:
            self._make_room(tensor)
            place = (state.next - state.base) * self.row_bytes(tensor)
            self.steps.append(StreamPush(tensor, place))
            state.next += 1
            state.most = max(state.most, state.next - state.base)

    def _produce(self, tensor: int, row: int) -> None:
        if tensor == self.pushed:
            self._take(tensor, row)
            return
        number = self.maker[tensor]
        if kernels.sums(self.graph.nodes[number], self.graph):
            self._sum(number)
            return
        while self.made.get(number, 0) <= row:
            begin = self.made.get(number, 0)
            count = min(self.rows[number], self.height(tensor) - begin)
            part = kernels.part(self.graph.nodes[number], self.graph, begin, count)
            for operand, (start, length) in part.reads.items():
                if self._inside(operand) and length:
                    self._produce(operand, start + length - 1)
            self._call(number, part)
            self.made[number] = begin + count

    def _sum(self, number: int) -> None:
        """A global pool takes its operand's rows as they come."""
        operand = self.graph.nodes[number].inputs[0]
        height, inside = self.height(operand), self._inside(operand)
        while self.taken.get(number, 0) < height:
            begin = self.taken.get(number, 0)
            if inside:
                self._produce(operand, begin)
            end = self.held[operand].next if inside else height
            base = self.held[operand].base if inside else 0
            source = (operand, (begin - base) * self.row_bytes(operand))
            self.steps.append(StreamSum(number, source, end - begin, end == height))
            self.taken[number] = end
        self.made[number] = 1
        for tensor in self.readers:
            if not self._inside(tensor):
                self.distances[tensor] = max(self.distances.get(tensor, 0), self.row_bytes(self.output))

    def _call(self, number: int, part: Part) -> None:
        output = part.node.outputs[0]
        if output != self.output:
            self._make_room(output)
        sources = []
        for operand in (i for i in self.graph.nodes[number].inputs if i in part.reads):  # one may stand there twice
            start, _ = part.reads[operand]
            base = self.held[operand].base if self._inside(operand) else 0
            sources.append((operand, (start - base) * self.row_bytes(operand)))
        place = part.first if output == self.output else self.held[output].next - self.held[output].base
        self.steps.append(
            StreamCall(number, part.first, part.count, tuple(sources), (output, place * self.row_bytes(output)))
        )
        if output != self.output:
            state = self.held[output]
            state.next += part.count
            state.most = max(state.most, state.next - state.base)
        else:
            self._note_distances(part)

    def _needed(self, tensor: int) -> int:
        """First row of ``tensor`` that a reader still needs."""
        first = self.height(tensor)
        for number in self.readers.get(tensor, ()):
            node = self.graph.nodes[number]
            if kernels.sums(node, self.graph):
                first = min(first, self.taken.get(number, 0))
                continue
            begin = self.made.get(number, 0)
            if begin >= self.graph.output(node).shape[1]:
                continue
            part = kernels.part(node, self.graph, begin, 1)
            first = min(first, part.reads[tensor][0])
        return first

    def _make_room(self, tensor: int) -> None:
        """Let go of rows that nobody needs any more, before new ones come."""
        state = self.held.setdefault(tensor, _Held())
        keep = min(self._needed(tensor), state.next)
        if keep > state.base:
            moved = state.next - keep
            if moved:
                size = self.row_bytes(tensor)
                self.steps.append(StreamMove(tensor, (keep - state.base) * size, moved * size))
            state.base = keep

    def _note_distances(self, part: Part) -> None:
        """How near the output may come to each input of the segment that lies whole in the arena."""
        written = (part.first + part.count) * self.row_bytes(self.output)
        for tensor in self.readers:
            if not self._inside(tensor):
                needed = self._needed(tensor) * self.row_bytes(tensor)
                self.distances[tensor] = max(self.distances.get(tensor, written - needed), written - needed)


def segment_of(
    graph: Graph, selection: Selection, first: int, last: int, rows: Mapping[int, int], pushed: int | None = None
) -> Segment:
    """Nodes ``first`` to ``last`` as a stream; the caller pushes the rows of ``pushed``."""
    stream = Stream(graph, first, last, rows, pushed)
    stream.run()
    rings, offset = {}, 0
    for tensor in sorted(stream.held):
        rings[tensor] = offset
        offset += _up(stream.held[tensor].most * stream.row_bytes(tensor))
    sums = None
    if kernels.sums(graph.nodes[last], graph):
        sums, offset = offset, offset + 4 * graph.output(graph.nodes[last]).shape[3]
    state = offset
    if pushed is not None:  # one number for the step, the output and each operand of each node is the most there can be
        operands = sum(len(readers) for tensor, readers in stream.readers.items() if tensor not in stream.held)
        offset += POSITION_BYTES * (2 + operands)
    scratch, instructions = 0, 0.0
    seen: dict[tuple[object, ...], tuple[int, float]] = {}
    for step in stream.steps:
        if isinstance(step, StreamMove):
            instructions += step.bytes / 4 + 20
            continue
        if isinstance(step, StreamPush):
            instructions += stream.row_bytes(step.tensor) / 4 + 40
            continue
        if isinstance(step, StreamSum):
            instructions += 4.0 * step.rows * stream.row_bytes(step.source[0])
            continue
        part = kernels.part(graph.nodes[step.node], graph, step.first, step.count)
        key = (step.node, part.shape)
        if key not in seen:
            kernel = kernels.for_part(part, selection[step.node])
            seen[key] = (kernel.scratch(part.node, part.graph), kernel.instructions(part.node, part.graph) + 30)
        scratch = max(scratch, seen[key][0])
        instructions += seen[key][1]
    return Segment(
        first=first,
        last=last,
        steps=tuple(stream.steps),
        rings=rings,
        kernel_scratch=offset,
        sums=sums,
        bytes=offset + _up(scratch),
        distances={t: _up(d) for t, d in stream.distances.items()},
        instructions=instructions,
        pushed=pushed,
        state=state,
    )


def _up(bytes_: int) -> int:
    return -(-bytes_ // ALIGNMENT) * ALIGNMENT
