"""From a graph to buffers: who must keep its bytes while which nodes run, and who may overlap whom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from edgebuild import ops
from edgebuild.arena import Move, Plan, Segment
from edgebuild.errors import UnsupportedError
from edgebuild.ir.graph import ABSENT, Graph
from edgebuild.kernels import Selection
from edgebuild.planner import ALIGNMENT, Buffer, Overlap, Placement, Problem, find, violations
from edgebuild.planner._overlap import forward_distance
from edgebuild.planner._segments import Cuts

Memory = Literal["least", "balanced", "fastest"]


def problem_of(graph: Graph, selection: Selection, segments: Sequence[Segment] = ()) -> Problem:
    """The placement problem of ``graph``, with the scratch memory of the selected kernels.

    A segment takes place while its first node runs; what only lives inside it is part of its scratch memory.
    """
    root = roots(graph)
    time = times(graph, segments)
    inner = {graph.nodes[n].outputs[0] for s in segments for n in range(s.first, s.last)}
    inner |= {s.pushed for s in segments if s.pushed is not None}
    members: dict[int, list[int]] = {}
    for tensor, owner in root.items():
        if owner not in inner:
            members.setdefault(owner, []).append(tensor)
    first, last = dict.fromkeys(members, -1), dict.fromkeys(members, -1)
    for number, node in enumerate(graph.nodes):
        for index in node.outputs:
            if index in members:
                first[index] = last[index] = time[number]
        for index in node.inputs:
            if root.get(index) in members:
                last[root[index]] = time[number]
    for index in graph.outputs:
        last[root[index]] = len(graph.nodes)
    owners = sorted(members)
    buffers = [Buffer(tuple(sorted(members[o])), _up(graph.tensors[o].bytes), first[o], last[o]) for o in owners]
    position = {owner: i for i, owner in enumerate(owners)}
    distances = _distances(graph, root, position, segments)
    overlaps = [
        Overlap(output, operand, distance)
        for (output, operand), distance in distances.items()
        if buffers[operand].last == buffers[output].first
    ]
    starts = {s.first: s for s in segments}
    for number, node in enumerate(graph.nodes):
        kernel = selection[number]
        scratch = kernel.scratch(node, graph) if kernel is not None and time[number] == number else 0
        scratch = starts[number].bytes if number in starts else scratch
        if scratch:
            buffers.append(Buffer((), _up(scratch), number, number, number))
    return Problem(tuple(buffers), tuple(overlaps), len(graph.nodes))


def times(graph: Graph, segments: Sequence[Segment]) -> list[int]:
    """When each node runs: at its own number, or with the first node of its segment."""
    time = list(range(len(graph.nodes)))
    for segment in segments:
        time[segment.first : segment.last + 1] = [segment.first] * (segment.last - segment.first + 1)
    return time


def roots(graph: Graph) -> dict[int, int]:
    """The tensor whose memory each run-time tensor shares: itself, or what it is an alias of."""
    root = {i: i for i in graph.inputs}
    for node in graph.nodes:
        for index in node.outputs:
            root[index] = root[node.inputs[0]] if ops.find(node.op).alias else index
    return root


def _distances(
    graph: Graph, root: dict[int, int], position: dict[int, int], segments: Sequence[Segment]
) -> dict[tuple[int, int], int]:
    """How near each output may come to the operands of the node or segment that makes it."""
    found: dict[tuple[int, int], int] = {}

    def note(output: int, operand: int, distance: int) -> None:
        pair = position[root[output]], position[root[operand]]
        found[pair] = max(_up(distance), found.get(pair, _up(distance)))

    inside = {n for s in segments for n in range(s.first, s.last + 1)}
    for segment in segments:
        for tensor, distance in segment.distances.items():
            note(graph.nodes[segment.last].outputs[0], tensor, distance)
    for number, node in enumerate(graph.nodes):
        operator = ops.find(node.op)
        if operator.alias or number in inside:
            continue
        for index in {i for i in node.inputs if i != ABSENT and i in root}:
            rows = operator.rows(node, graph, index)
            if rows is not None:
                height = graph.output(node).elements * graph.output(node).dtype.bytes // max(rows.output_row, 1)
                note(node.outputs[0], index, forward_distance(rows, height))
    return found


def _up(bytes_: int) -> int:
    """The next multiple of the alignment, also for negative numbers."""
    return -(-bytes_ // ALIGNMENT) * ALIGNMENT


MOST_MOVED = 0.05
"""Copied bytes for each predicted instruction of the model beyond which moves are not worth their RAM."""

STEPS = 32
"""Arenas that are tried between the least one and the one that needs no moves."""

WORTH_STREAMING, MOST_EXTRA = 0.9, 1.05
"""``balanced`` streams when RAM falls to this share at most and instructions rise to that one at most."""


def plan(graph: Graph, selection: Selection, memory: Memory = "balanced", *, pushed: bool = False) -> Plan:
    """Place every run-time tensor of ``graph``.

    Args:
        pushed: the caller pushes the rows of the input, which never exists as a whole; then streams are cut for the
            least RAM, whatever ``memory`` says.
        memory: ``fastest`` neither moves nor streams; ``least`` does whatever saves RAM; ``balanced``
            does it where it saves much and costs little.

    Raises:
        UnsupportedError: the input cannot be pushed.
        AssertionError: an algorithm's answer breaks the problem's constraints: a bug, never shipped.
    """
    work = sum(k.instructions(n, graph) for k, n in zip(selection, graph.nodes, strict=True) if k is not None)
    if pushed:
        return _place(graph, selection, _taking(graph, selection), memory, work)
    whole = _place(graph, selection, (), memory, work)
    if memory == "fastest":
        return whole
    segments, peak = Cuts(graph, selection, roots(graph)).best()
    if not segments or peak >= whole.arena_bytes * (1.0 if memory == "least" else WORTH_STREAMING):
        return whole
    inside = {n for s in segments for n in range(s.first, s.last + 1)}
    rest = sum(
        k.instructions(n, graph)
        for i, (k, n) in enumerate(zip(selection, graph.nodes, strict=True))
        if k is not None and i not in inside
    )
    if memory == "balanced" and rest + sum(s.instructions for s in segments) > MOST_EXTRA * work:
        return whole
    streamed = _place(graph, selection, segments, memory, work)
    return streamed if streamed.arena_bytes < whole.arena_bytes else whole


def _taking(graph: Graph, selection: Selection) -> tuple[Segment, ...]:
    """The segments of the cut with the least RAM whose first one takes the rows of the input."""
    if len(graph.inputs) == 1 and len(graph.tensors[graph.inputs[0]].shape) == 4 and graph.nodes:
        segments, peak = Cuts(graph, selection, roots(graph), graph.inputs[0]).best()
        if peak < math.inf:
            return segments
    raise UnsupportedError(
        graph.name,
        "the rows of its input cannot be pushed: they must go through convolutions, pools or element-wise layers first",
        'remove input = "pushed", or let the model begin with such layers, with one input of rank 4',
    )


def _place(graph: Graph, selection: Selection, segments: tuple[Segment, ...], memory: Memory, work: float) -> Plan:
    problem = problem_of(graph, selection, segments)
    best, name = find("greedy").place(problem), "greedy"
    bound = problem.lower_bound()
    if best.peak(problem) > bound and memory != "fastest":
        most = math.inf if memory == "least" else MOST_MOVED * work
        for arena in _arenas(bound, best.peak(problem)):
            moving = find("moving").place(problem, arena)
            if moving.peak(problem) < best.peak(problem) and moving.moved_bytes(problem) <= most:
                best, name = moving, "moving"
                break
    broken = list(violations(problem, best))
    assert not broken, f"{name} planner: {broken}"
    return _plan(problem, best, name, bound, segments)


def _arenas(least: int, most: int) -> list[int]:
    """Sizes to try from ``least`` up to below ``most``, in at most :data:`STEPS` equal steps."""
    step = max(_up((most - least) // STEPS), ALIGNMENT)
    return list(range(least, most, step))


def moves_of(problem: Problem, placement: Placement) -> dict[int, tuple[Move, ...]]:
    """The copies that ``placement`` asks for, by the node that they precede."""
    moves, at = {}, list(placement.offsets)
    for node in sorted(placement.shifts):
        made = []
        for shift in placement.shifts[node]:
            buffer = problem.buffers[shift.buffer]
            made.append(Move(buffer.tensors, at[shift.buffer], shift.offset, buffer.bytes))
            at[shift.buffer] = shift.offset
        moves[node] = tuple(made)
    return moves


def _plan(problem: Problem, placement: Placement, name: str, bound: int, segments: tuple[Segment, ...]) -> Plan:
    pairs = list(zip(placement.offsets, problem.buffers, strict=True))
    return Plan(
        arena_bytes=max(placement.peak(problem), ALIGNMENT),
        offsets={t: o for o, b in pairs for t in b.tensors},
        scratch={b.scratch_of: o for o, b in pairs if b.scratch_of is not None},
        moves=moves_of(problem, placement),
        lower_bound=bound,
        algorithm=name,
        segments=segments,
    )
