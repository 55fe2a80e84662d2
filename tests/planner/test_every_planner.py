"""Every algorithm on generated problems: no answer may let one tensor destroy another."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import planner
from edgebuild.planner import Buffer, Overlap, Placement, Problem


@st.composite
def problems(draw) -> Problem:
    """Chains with forks: node n makes buffer n + 1 and reads some of those before it."""
    nodes = draw(st.integers(1, 9))
    sizes = [4 * draw(st.integers(1, 40)) for _ in range(nodes + 1)]
    last = list(range(nodes + 1))
    last[0] = 0
    for reader in range(nodes):
        for read in draw(st.sets(st.integers(0, reader), min_size=1, max_size=2)):
            last[read] = max(last[read], reader)
    last[nodes] = nodes
    buffers = [Buffer((i,), sizes[i], i - 1, last[i]) for i in range(nodes + 1)]
    overlaps = []
    for output in range(1, nodes + 1):
        for operand in range(output):
            if buffers[operand].last == output - 1 and draw(st.booleans()):
                overlaps.append(Overlap(output, operand, 4 * draw(st.integers(-5, 20))))
    return Problem(tuple(buffers), tuple(overlaps), nodes)


def destroyed(problem: Problem, placement: Placement) -> bool:
    """The oracle: a byte map that is written and read node by node, by someone who knows only the rules.

    Each byte holds (buffer, index).  An output that overlaps its operand writes at its distance behind
    what has been read, so what is overwritten there is allowed to be lost.
    """
    size = placement.peak(problem)
    memory: list[tuple[int, int] | None] = [None] * size
    at: dict[int, int] = {}
    distance = {(o.output, o.operand): o.distance for o in problem.overlaps}
    for node in range(-1, problem.nodes + 1):
        for shift in placement.shifts.get(node, ()):
            length = problem.buffers[shift.buffer].bytes
            content = memory[at[shift.buffer] : at[shift.buffer] + length]
            memory[shift.offset : shift.offset + length] = content
            at[shift.buffer] = shift.offset
        for number, buffer in enumerate(problem.buffers):
            if buffer.first == node:
                at[number] = placement.offsets[number]
                memory[at[number] : at[number] + buffer.bytes] = [(number, i) for i in range(buffer.bytes)]
        for number, buffer in enumerate(problem.buffers):
            if not buffer.first <= node <= buffer.last:
                continue
            found = memory[at[number] : at[number] + buffer.bytes]
            for i, cell in enumerate(found):
                if cell == (number, i):
                    continue
                thief = cell[0] if cell else -1
                legal = problem.buffers[thief].first == node == buffer.last and (thief, number) in distance
                if not legal or at[number] - at[thief] < distance[thief, number]:
                    return True
    return False


@pytest.mark.parametrize("name", planner.names())
@settings(max_examples=200, deadline=None)
@given(problem=problems())
def test_no_byte_is_lost_and_the_bound_holds(name, problem):
    placement = planner.find(name).place(problem)
    assert not destroyed(problem, placement)
    assert list(planner.violations(problem, placement)) == []
    assert placement.peak(problem) >= problem.lower_bound()
    if name == "greedy":
        assert placement.peak(problem) <= sum(b.bytes for b in problem.buffers)


@settings(max_examples=200, deadline=None)
@given(problem=problems(), data=st.data())
def test_the_checker_sees_what_the_byte_map_sees(problem, data):
    placement = Placement(tuple(4 * data.draw(st.integers(0, 30)) for _ in problem.buffers))
    assert bool(list(planner.violations(problem, placement))) == destroyed(problem, placement)


def drifting(layers: int, bytes_: int, distance: int) -> Problem:
    """A chain of equally large layers, each of which may follow its operand at ``distance``."""
    buffers = tuple(Buffer((i,), bytes_, i - 1, i) for i in range(layers + 1))
    return Problem(buffers, tuple(Overlap(i + 1, i, distance) for i in range(layers)), layers)


def test_a_larger_arena_saves_moves():
    problem = drifting(8, 400, 40)
    moved = [planner.find("moving").place(problem, arena).moved_bytes(problem) for arena in (0, 480, 560, 720)]
    # in the least arena every second layer has no room left; 40 bytes for each layer need no move at all
    assert moved == [7 * 400, 3 * 400, 400, 0]


@settings(max_examples=200, deadline=None)
@given(problem=problems(), room=st.integers(0, 30))
def test_no_byte_is_lost_in_a_larger_arena(problem, room):
    arena = problem.lower_bound() + 4 * room
    placement = planner.find("moving").place(problem, arena)
    assert not destroyed(problem, placement)
    assert list(planner.violations(problem, placement)) == []
