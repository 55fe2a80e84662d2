"""Every algorithm on generated problems: no answer may let one tensor destroy another."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import planner
from edgebuild.planner import Buffer, Overlap, Problem


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


def destroyed(problem: Problem, offsets) -> list[tuple[int, int]]:
    """The oracle: a byte map.  Overlapping pairs are only allowed at their distance."""
    broken = []
    distance = {(o.output, o.operand): o.distance for o in problem.overlaps}
    for a, one in enumerate(problem.buffers):
        for b, other in enumerate(problem.buffers[:a]):
            alive = set(range(one.first, one.last + 1)) & set(range(other.first, other.last + 1))
            shared = set(range(offsets[a], offsets[a] + one.bytes)) & set(range(offsets[b], offsets[b] + other.bytes))
            if alive and shared and not ((a, b) in distance and offsets[b] - offsets[a] >= distance[a, b]):
                broken.append((b, a))
    return broken


@pytest.mark.parametrize("name", planner.names())
@settings(max_examples=150, deadline=None)
@given(problem=problems())
def test_no_byte_is_lost_and_the_bound_holds(name, problem):
    offsets = planner.find(name).place(problem)
    assert destroyed(problem, offsets) == []
    assert list(planner.violations(problem, offsets)) == []
    peak = max(o + b.bytes for o, b in zip(offsets, problem.buffers, strict=True))
    assert peak >= problem.lower_bound()
    assert peak <= sum(b.bytes for b in problem.buffers)


@settings(max_examples=150, deadline=None)
@given(problem=problems(), data=st.data())
def test_the_checker_sees_what_the_byte_map_sees(problem, data):
    offsets = tuple(4 * data.draw(st.integers(0, 30)) for _ in problem.buffers)
    assert sorted(planner.violations(problem, offsets)) == sorted(destroyed(problem, offsets))
