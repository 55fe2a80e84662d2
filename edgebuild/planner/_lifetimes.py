"""From a graph to buffers: who must keep its bytes while which nodes run, and who may overlap whom."""

from __future__ import annotations

from collections.abc import Iterable

from edgebuild import ops
from edgebuild.artifacts import Plan
from edgebuild.ir.graph import ABSENT, Graph
from edgebuild.kernels import Selection
from edgebuild.planner import ALIGNMENT, Buffer, Overlap, Problem, find, violations
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


def plan(graph: Graph, selection: Selection, algorithm: str = "greedy") -> Plan:
    """Place every run-time tensor of ``graph``.

    Raises:
        AssertionError: the algorithm's answer breaks the problem's constraints: a bug, never shipped.
    """
    problem = problem_of(graph, selection)
    offsets = find(algorithm).place(problem)
    broken = list(violations(problem, offsets))
    assert not broken, f"{algorithm} placed buffers over each other: {broken}"
    arena = max((o + b.bytes for o, b in zip(offsets, problem.buffers, strict=True)), default=0)
    return Plan(
        arena_bytes=max(arena, ALIGNMENT),
        offsets={t: o for o, b in zip(offsets, problem.buffers, strict=True) for t in b.tensors},
        scratch={b.scratch_of: o for o, b in zip(offsets, problem.buffers, strict=True) if b.scratch_of is not None},
        moves={},
        lower_bound=problem.lower_bound(),
        algorithm=algorithm,
    )
