"""Several memories: which buffer lives in which, and where there.

A buffer stays in one memory for life.  Buffers that are touched most for each of their bytes come first and take the
fastest memory that has room for them; within a memory everything is as ever: lifetimes, overlaps, moves.  Orders that
place the largest buffers first are tried too, so that what can be placed is; of all that fit, the one whose bytes take
the fewest cycles by the memories' speeds wins.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgebuild import ops
from edgebuild.arena import Move, Plan
from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Selection
from edgebuild.planner import ALIGNMENT, Overlap, Placement, Problem, find, violations
from edgebuild.planner._lifetimes import moves_of, problem_of, times
from edgebuild.target.profile import Region


@dataclass(frozen=True)
class Share:
    """The buffers that live in one memory, and where.

    Attributes:
        members: their positions in the whole problem.
        problem, placement: of these alone.
    """

    members: tuple[int, ...]
    problem: Problem
    placement: Placement


def spread(graph: Graph, selection: Selection, plan: Plan, regions: Sequence[Region]) -> Plan | None:
    """``plan``, its segments kept, with every buffer in one of ``regions``; None where that is impossible.

    Args:
        regions: memories with the bytes that an arena may take there.

    Raises:
        AssertionError: a placement breaks the problem's constraints: a bug, never shipped.
    """
    problem = problem_of(graph, selection, plan.segments)
    traffic = touched(graph, selection, plan, problem)
    fast = sorted(regions, key=lambda region: -region.speed)
    for algorithm in ("greedy", "moving"):
        found = [
            shares
            for order, tried in _orders(problem, traffic, fast)
            if (shares := _shared(problem, order, tried, algorithm)) is not None
        ]
        if found:
            cost = functools.partial(_cycles, traffic=traffic, regions={r.name: r for r in regions})
            return _plan(plan, min(found, key=cost), problem, regions, algorithm)
    return None


def touched(graph: Graph, selection: Selection, plan: Plan, problem: Problem) -> list[int]:
    """Bytes that one inference reads and writes in each buffer, as predicted from the operators' costs."""
    time = times(graph, plan.segments)
    own = {tensor: i for i, buffer in enumerate(problem.buffers) for tensor in buffer.tensors}
    scratch = {buffer.scratch_of: i for i, buffer in enumerate(problem.buffers) if buffer.scratch_of is not None}
    found = [0] * len(problem.buffers)
    for number, node in enumerate(graph.nodes):
        kernel = selection[number]
        if kernel is None:
            continue
        inside = scratch.get(time[number])
        uses = [(index, _reads(node, graph, index)) for index in dict.fromkeys(node.inputs)]
        uses += [(index, graph.tensors[index].bytes) for index in node.outputs]
        for index, count in uses:
            place = own.get(index, inside if index >= 0 and not graph.tensors[index].constant else None)
            if place is not None:
                found[place] += count
        if inside is not None and kernel.scratch(node, graph):
            cost = ops.find(node.op).cost(node, graph)
            found[inside] += max(cost.macs, cost.elements)
    return found


def _reads(node: Node, graph: Graph, index: int) -> int:
    """Bytes of operand ``index`` that ``node`` reads: a window reads each input as often as it covers it."""
    if index < 0 or graph.tensors[index].constant:
        return 0
    cost = ops.find(node.op).cost(node, graph)
    filters = graph.output(node).shape[-1] if node.op in ("conv_2d", "fully_connected") else 1
    return max(graph.tensors[index].bytes, cost.macs // filters)


def _orders(
    problem: Problem, traffic: Sequence[int], fast: Sequence[Region]
) -> Iterator[tuple[list[int], Sequence[Region]]]:
    """In which order buffers choose, and which memory each of them tries first."""
    size = [max(buffer.bytes, 1) for buffer in problem.buffers]
    everyone = range(len(problem.buffers))
    roomy = sorted(fast, key=lambda region: -region.bytes)
    yield sorted(everyone, key=lambda i: (-traffic[i] / size[i], i)), fast
    yield sorted(everyone, key=lambda i: (-traffic[i], i)), fast
    yield sorted(everyone, key=lambda i: (-size[i], i)), fast
    yield sorted(everyone, key=lambda i: (-size[i], i)), roomy
    yield sorted(everyone, key=lambda i: (problem.buffers[i].first, -size[i])), roomy


def _shared(
    problem: Problem, order: Sequence[int], regions: Sequence[Region], algorithm: str
) -> dict[str, Share] | None:
    """Each buffer in the first of ``regions`` that still has room for it; None if one finds none."""
    shares: dict[str, Share] = {}
    for index in order:
        for region in regions:
            before = shares[region.name].members if region.name in shares else ()
            share = _placed(problem, tuple(sorted((*before, index))), region.bytes, algorithm)
            if share is not None:
                shares[region.name] = share
                break
        else:
            return None
    return shares


def _placed(problem: Problem, members: tuple[int, ...], most: int, algorithm: str) -> Share | None:
    """``members`` alone in a memory of ``most`` bytes; None if they do not fit."""
    part = _part(problem, members)
    if part.lower_bound() > most:
        return None
    placement = find("greedy").place(part)
    if placement.peak(part) > most and algorithm != "greedy":
        placement = find(algorithm).place(part, most // ALIGNMENT * ALIGNMENT)
    return Share(members, part, placement) if placement.peak(part) <= most else None


def _part(problem: Problem, members: tuple[int, ...]) -> Problem:
    """The problem of ``members`` alone; what overlaps a buffer in another memory is of no concern."""
    position = {index: i for i, index in enumerate(members)}
    return Problem(
        tuple(problem.buffers[index] for index in members),
        tuple(
            Overlap(position[o.output], position[o.operand], o.distance)
            for o in problem.overlaps
            if o.output in position and o.operand in position
        ),
        problem.nodes,
    )


def _cycles(shares: Mapping[str, Share], traffic: Sequence[int], regions: Mapping[str, Region]) -> float:
    """Cycles for the bytes that are touched, copied ones twice."""
    return sum(
        (sum(traffic[i] for i in share.members) + 2 * share.placement.moved_bytes(share.problem)) / regions[name].speed
        for name, share in shares.items()
    )


def _plan(plan: Plan, shares: Mapping[str, Share], problem: Problem, regions: Sequence[Region], algorithm: str) -> Plan:
    """``plan`` over areas in the order of ``regions``."""
    areas: list[Region] = []
    offsets: dict[int, int] = {}
    tensor_areas: dict[int, int] = {}
    scratch: dict[int, int] = {}
    scratch_areas: dict[int, int] = {}
    moves: dict[int, tuple[Move, ...]] = {}
    for region in (region for region in regions if region.name in shares):
        share = shares[region.name]
        broken = list(violations(share.problem, share.placement))
        assert not broken, f"{algorithm} planner in {region.name}: {broken}"
        for buffer, offset in zip(share.problem.buffers, share.placement.offsets, strict=True):
            offsets |= dict.fromkeys(buffer.tensors, offset)
            tensor_areas |= dict.fromkeys(buffer.tensors, len(areas))
            if buffer.scratch_of is not None:
                scratch[buffer.scratch_of], scratch_areas[buffer.scratch_of] = offset, len(areas)
        for node, made in moves_of(share.problem, share.placement).items():
            moves[node] = (*moves.get(node, ()), *made)
        areas.append(dataclasses.replace(region, bytes=max(share.placement.peak(share.problem), ALIGNMENT)))
    return dataclasses.replace(
        plan,
        arena_bytes=sum(area.bytes for area in areas),
        offsets=offsets,
        scratch=scratch,
        moves=moves,
        lower_bound=problem.lower_bound(),
        algorithm=algorithm,
        areas=tuple(areas),
        tensor_areas=tensor_areas,
        scratch_areas=scratch_areas,
    )
