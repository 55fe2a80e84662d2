"""Greedy placement: in several orders, each buffer at the lowest offset that nobody minds; the best order wins."""

from __future__ import annotations

from collections.abc import Callable

from edgebuild.planner import Placement, Planner, Problem, allowed


class Greedy(Planner):
    """By size it is optimal on most networks without overlap; by time it follows chains that overlap."""

    def place(self, problem: Problem, arena: int = 0) -> Placement:
        best: Placement | None = None
        bound = problem.lower_bound()
        for order in _orders(problem):
            found = Placement(_place(problem, order))
            if best is None or found.peak(problem) < best.peak(problem):
                best = found
            if best.peak(problem) <= bound:
                break
        assert best is not None
        return best


def _orders(problem: Problem) -> list[list[int]]:
    indices = range(len(problem.buffers))
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-problem.buffers[i].bytes, problem.buffers[i].first),
        lambda i: (problem.buffers[i].first, -problem.buffers[i].bytes),
        lambda i: (-problem.buffers[i].last, -problem.buffers[i].bytes),
        lambda i: (-problem.buffers[i].bytes, -problem.buffers[i].first),
        lambda i: (problem.buffers[i].first - problem.buffers[i].last, -problem.buffers[i].bytes),
    )
    return [sorted(indices, key=key) for key in keys]


def _place(problem: Problem, order: list[int]) -> tuple[int, ...]:
    placed: dict[int, int] = {}
    for index in order:
        for offset in sorted(_candidates(problem, placed, index)):
            trial = {**placed, index: offset}
            if all(allowed(problem, trial, index, other) for other in placed):
                placed[index] = offset
                break
    return tuple(placed[i] for i in range(len(problem.buffers)))


def _candidates(problem: Problem, placed: dict[int, int], index: int) -> set[int]:
    """Offsets worth trying: the bottom, above and below each placed buffer, and at overlap distance."""
    own = problem.buffers[index].bytes
    offsets = {0}
    for other, at in placed.items():
        offsets |= {at + problem.buffers[other].bytes, at - own}
        nearer = problem.distance(index, other)
        if nearer is not None:
            offsets.add(at - nearer)
        farther = problem.distance(other, index)
        if farther is not None:
            offsets.add(at + farther)
    return {o for o in offsets if o >= 0}
