"""Memory planning: where every run-time tensor lives in the arena, one file an algorithm.

``_lifetimes`` turns a graph into a :class:`Problem`; an algorithm answers with offsets;
:func:`violations` checks any answer against the problem, independently of how it was found.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgebuild import registry

ALIGNMENT = 4
"""Offsets, sizes and distances are multiples of this: word loads need no more on any core."""


@dataclass(frozen=True)
class Buffer:
    """A stretch of memory and the nodes during which it must keep its bytes.

    Attributes:
        tensors: the tensor that it holds, and its aliases under other shapes; empty for scratch.
        bytes: rounded up to :data:`ALIGNMENT`.
        first, last: node numbers, both included; -1 for before the first node (an input), and one
            past the last node for an output that the caller reads.
        scratch_of: the node whose scratch memory this is.
    """

    tensors: tuple[int, ...]
    bytes: int
    first: int
    last: int
    scratch_of: int | None = None

    def meets(self, other: Buffer) -> bool:
        """Whether both must keep their bytes at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Overlap:
    """Buffer ``output`` may overlap ``operand``, which dies in the node that makes it.

    ``offset(output) + distance <= offset(operand)`` keeps every byte until it has been read.
    """

    output: int
    operand: int
    distance: int


@dataclass(frozen=True)
class Problem:
    """What has to be placed.  Indices in ``overlaps`` are positions in ``buffers``."""

    buffers: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...]
    nodes: int

    def distance(self, output: int, operand: int) -> int | None:
        """Distance at which ``output`` may overlap ``operand``; None when it must not."""
        return self._distances.get((output, operand))

    @functools.cached_property
    def _distances(self) -> Mapping[tuple[int, int], int]:
        return {(o.output, o.operand): o.distance for o in self.overlaps}

    def lower_bound(self) -> int:
        """Bytes below which no placement can go: the most that is alive in any node."""
        worst = 0
        for node in range(-1, self.nodes + 1):
            alive = [i for i, b in enumerate(self.buffers) if b.first <= node <= b.last]
            total = sum(self.buffers[i].bytes for i in alive)
            pairs = [o for o in self.overlaps if o.output in alive and self.buffers[o.output].first == node]
            shared: dict[int, int] = {}
            for pair in pairs:
                out, operand = self.buffers[pair.output].bytes, self.buffers[pair.operand].bytes
                overlap = max(0, out + operand - max(operand + max(pair.distance, 0), out))
                shared[pair.output] = min(shared.get(pair.output, 0) + overlap, out)
            saved = sum(shared.values())
            worst = max(worst, total - saved)
        return worst


@dataclass(frozen=True)
class Shift:
    """Move buffer ``buffer`` to ``offset`` before a node."""

    buffer: int
    offset: int


@dataclass(frozen=True)
class Placement:
    """An answer to a problem.

    Attributes:
        offsets: where each buffer begins when it comes into being.
        shifts: moves before a node, in order, by node number.
    """

    offsets: tuple[int, ...]
    shifts: Mapping[int, tuple[Shift, ...]] = field(default_factory=dict)

    def peak(self, problem: Problem) -> int:
        """Bytes that the arena must have."""
        ends = [o + b.bytes for o, b in zip(self.offsets, problem.buffers, strict=True)]
        ends += [s.offset + problem.buffers[s.buffer].bytes for shifts in self.shifts.values() for s in shifts]
        return max(ends, default=0)

    def moved_bytes(self, problem: Problem) -> int:
        """Bytes copied in one inference."""
        return sum(problem.buffers[s.buffer].bytes for shifts in self.shifts.values() for s in shifts)


class Planner(ABC):
    """Contract of every algorithm."""

    @abstractmethod
    def place(self, problem: Problem, arena: int = 0) -> Placement:
        """An offset for each buffer, and moves if the algorithm makes any.

        Args:
            arena: bytes that may be used anyway; an algorithm that moves needs fewer moves in a larger arena.
        """


def names() -> tuple[str, ...]:
    """Public names of all algorithms."""
    return registry.names(__name__)


def find(name: str) -> Planner:
    """The algorithm called ``name``."""
    return registry.find(__name__, name, Planner)()  # type: ignore[type-abstract]


def allowed(problem: Problem, offsets: Mapping[int, int], a: int, b: int) -> bool:
    """Whether buffers ``a`` and ``b`` may lie where they lie."""
    first, second = problem.buffers[a], problem.buffers[b]
    if not first.meets(second) or not first.bytes or not second.bytes or _apart(problem, offsets, a, b):
        return True
    for output, operand in ((a, b), (b, a)):
        distance = problem.distance(output, operand)
        if distance is not None and offsets[output] + distance <= offsets[operand]:
            return True
    return False


def violations(problem: Problem, placement: Placement) -> Iterator[str]:
    """What would destroy bytes that are still needed, in words; nothing when the placement is right.

    Every node is gone through with the buffers where they lie then, so moves are checked too: a
    move's destination must be free of everything but the moved buffer itself.
    """
    places: dict[int, int] = {}
    for node in range(-1, problem.nodes + 1):
        places = {i: o for i, o in places.items() if problem.buffers[i].last >= node}
        for shift in placement.shifts.get(node, ()):
            places[shift.buffer] = shift.offset
            for other in places:
                if other != shift.buffer and not _apart(problem, places, shift.buffer, other):
                    yield f"node {node}: buffer {shift.buffer} is moved over buffer {other}"
        for number, buffer in enumerate(problem.buffers):
            if buffer.first == node:
                places[number] = placement.offsets[number]
        for a in places:
            for b in places:
                born = node in (problem.buffers[a].first, problem.buffers[b].first)
                if a < b and born and not allowed(problem, places, a, b):
                    yield f"node {node}: buffers {a} and {b} destroy each other"


def _apart(problem: Problem, offsets: Mapping[int, int], a: int, b: int) -> bool:
    return offsets[a] + problem.buffers[a].bytes <= offsets[b] or offsets[b] + problem.buffers[b].bytes <= offsets[a]


from edgebuild.planner._lifetimes import Memory, plan, problem_of, times  # noqa: E402
from edgebuild.planner._picture import svg, text  # noqa: E402
from edgebuild.planner._regions import spread, touched  # noqa: E402

__all__ = [
    "ALIGNMENT",
    "Buffer",
    "Memory",
    "Overlap",
    "Placement",
    "Planner",
    "Problem",
    "Shift",
    "allowed",
    "find",
    "names",
    "plan",
    "problem_of",
    "spread",
    "svg",
    "text",
    "times",
    "touched",
    "violations",
]
