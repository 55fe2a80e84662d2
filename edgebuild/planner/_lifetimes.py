"""From a graph to buffers: who must keep its bytes while which nodes run, and who may overlap whom."""

from __future__ import annotations

from collections.abc import Iterable

from edgebuild import ops
from edgebuild.artifacts import Move, Plan
from edgebuild.ir.graph import ABSENT, Graph
from edgebuild.kernels import Selection
from edgebuild.planner import ALIGNMENT, Buffer, Overlap, Placement, Problem, find, violations
from edgebuild.planner._overlap import forward_distance


def problem_of(graph: Graph, selection: Selection) -> Problem:
    """The placement problem of ``graph``, with the scratch memory of the selected kernels."""
    root = _roots(graph)
    members: dict[int, list[int]] = {}
    for tensor, owner in root.items():
        members.setdefault(owner, []).append(tensor)
    first, last = dict.fromkeys(members, -1), dict.fromkeys(members, -1)
    for number, node in enumerate(graph.nodes):
        for index in node.outputs:
            if root[index] == index:
                first[index] = last[index] = number
        for index in node.inputs:
            if index in root:
                last[root[index]] = number
    for index in graph.outputs:
        last[root[index]] = len(graph.nodes)
    owners = sorted(members)
    buffers = [Buffer(tuple(sorted(members[o])), _up(graph.tensors[o].bytes), first[o], last[o]) for o in owners]
    position = {owner: i for i, owner in enumerate(owners)}
    overlaps = _overlaps(graph, root, position, buffers)
    for number, node in enumerate(graph.nodes):
        kernel = selection[number]
        scratch = kernel.scratch(node, graph) if kernel is not None else 0
        if scratch:
            buffers.append(Buffer((), _up(scratch), number, number, number))
    return Problem(tuple(buffers), tuple(overlaps), len(graph.nodes))


def _roots(graph: Graph) -> dict[int, int]:
    """The tensor whose memory each run-time tensor shares: itself, or what it is an alias of."""
    root = {i: i for i in graph.inputs}
    for node in graph.nodes:
        for index in node.outputs:
            root[index] = root[node.inputs[0]] if ops.find(node.op).alias else index
    return root


def _overlaps(graph: Graph, root: dict[int, int], position: dict[int, int], buffers: list[Buffer]) -> Iterable[Overlap]:
    found: dict[tuple[int, int], int] = {}
    for number, node in enumerate(graph.nodes):
        operator = ops.find(node.op)
        if operator.alias:
            continue
        for index in {i for i in node.inputs if i != ABSENT and i in root}:
            operand, output = position[root[index]], position[root[node.outputs[0]]]
            rows = operator.rows(node, graph, index)
            if rows is None or buffers[operand].last != number:
                continue
            height = graph.output(node).elements * graph.output(node).dtype.bytes // max(rows.output_row, 1)
            distance = _up(forward_distance(rows, height))
            found[output, operand] = max(distance, found.get((output, operand), distance))
    return [Overlap(output, operand, distance) for (output, operand), distance in found.items()]


def _up(bytes_: int) -> int:
    """The next multiple of the alignment, also for negative numbers."""
    return -(-bytes_ // ALIGNMENT) * ALIGNMENT


MOST_MOVED = 0.05
"""Copied bytes for each predicted instruction of the model beyond which moves are not worth their RAM."""


def plan(graph: Graph, selection: Selection) -> Plan:
    """Place every run-time tensor of ``graph``: with moves where they save RAM and cost little.

    Raises:
        AssertionError: an algorithm's answer breaks the problem's constraints: a bug, never shipped.
    """
    problem = problem_of(graph, selection)
    best, name = find("greedy").place(problem), "greedy"
    bound = problem.lower_bound()
    if best.peak(problem) > bound:
        moving = find("moving").place(problem)
        work = sum(k.instructions(n, graph) for k, n in zip(selection, graph.nodes, strict=True) if k is not None)
        if moving.peak(problem) < best.peak(problem) and moving.moved_bytes(problem) <= MOST_MOVED * work:
            best, name = moving, "moving"
    broken = list(violations(problem, best))
    assert not broken, f"{name} planner: {broken}"
    return _plan(problem, best, name, bound)


def _plan(problem: Problem, placement: Placement, name: str, bound: int) -> Plan:
    buffers, moves = problem.buffers, {}
    at = list(placement.offsets)
    for node in sorted(placement.shifts):
        made = []
        for shift in placement.shifts[node]:
            buffer = buffers[shift.buffer]
            made.append(Move(buffer.tensors, at[shift.buffer], shift.offset, buffer.bytes))
            at[shift.buffer] = shift.offset
        moves[node] = tuple(made)
    pairs = list(zip(placement.offsets, buffers, strict=True))
    return Plan(
        arena_bytes=max(placement.peak(problem), ALIGNMENT),
        offsets={t: o for o, b in pairs for t in b.tensors},
        scratch={b.scratch_of: o for o, b in pairs if b.scratch_of is not None},
        moves=moves,
        lower_bound=bound,
        algorithm=name,
    )
