"""Reaches the lower bound by moving buffers between nodes; the generated code copies them with ``memmove``.

Outputs are placed as high as they may lie, because each layer that overlaps its operand drifts downwards. When an
output finds no place, what lies below the operand that dies in it is packed downwards and what lies above upwards, so
that output and operand find theirs in between, as near to each other as they may come and as high as possible.
"""

from __future__ import annotations

from edgebuild.planner import Placement, Planner, Problem, Shift, allowed


class Moving(Planner):
    """Forward execution with moves: as little RAM as overlap allows; a larger arena saves copied bytes."""

    def place(self, problem: Problem, arena: int = 0) -> Placement:
        walk = _Walk(problem, arena)
        for node in range(-1, problem.nodes):
            walk.step(node)
        return Placement(tuple(walk.offsets[i] for i in range(len(problem.buffers))), walk.shifts)


class _Walk:
    """Goes through the nodes with every living buffer at its place."""

    def __init__(self, problem: Problem, arena: int) -> None:
        self.problem = problem
        self.arena = max(self._bound(), arena)
        self.places: dict[int, int] = {}
        self.offsets: dict[int, int] = {}
        self.shifts: dict[int, tuple[Shift, ...]] = {}

    def _bound(self) -> int:
        """Bytes that always suffice: in each node all that lives, less what one operand shares with its output."""
        worst = 0
        for node in range(-1, self.problem.nodes + 1):
            alive = {i for i, b in enumerate(self.problem.buffers) if b.first <= node <= b.last}
            born = [i for i in alive if self.problem.buffers[i].first == node]
            total = sum(self.problem.buffers[i].bytes for i in alive)
            worst = max(worst, total - self._partner(born, alive)[0])
        return worst

    def step(self, node: int) -> None:
        """Place what comes into being in ``node``."""
        buffers = self.problem.buffers
        self.places = {i: o for i, o in self.places.items() if buffers[i].last >= node}
        born = [i for i, b in enumerate(buffers) if b.first == node]
        born.sort(key=lambda i: (buffers[i].scratch_of is not None, -buffers[i].bytes))
        if not born or self._without_moves(born):
            return
        self._with_moves(node, born)

    def _without_moves(self, born: list[int]) -> bool:
        """Try to place all of ``born`` inside the arena as it is."""
        trial = dict(self.places)
        for index in born:
            own = self.problem.buffers[index].bytes
            for offset in sorted(self._candidates(trial, index), reverse=True):
                if offset + own > self.arena:
                    continue
                trial[index] = offset
                if all(allowed(self.problem, trial, index, other) for other in trial if other != index):
                    break
                del trial[index]
            else:
                return False
        self._settle({i: trial[i] for i in born})
        return True

    def _candidates(self, trial: dict[int, int], index: int) -> set[int]:
        own = self.problem.buffers[index].bytes
        found = {0, self.arena - own}
        for other, at in trial.items():
            distance = self.problem.distance(index, other)
            found |= {at + self.problem.buffers[other].bytes, at - own}
            if distance is not None:
                found.add(at - distance)
        return {o for o in found if o >= 0}

    def _with_moves(self, node: int, born: list[int]) -> None:
        buffers = self.problem.buffers
        _, operand, output = self._partner(born, set(self.places))
        pivot = self.places[operand] if operand is not None else self.arena
        below = sorted((i for i in self.places if i != operand and self.places[i] < pivot), key=self.places.__getitem__)
        above = sorted(
            (i for i in self.places if i != operand and self.places[i] >= pivot), key=self.places.__getitem__
        )
        moves: list[Shift] = []
        bottom = 0
        for index in below:
            moves.append(Shift(index, bottom))
            bottom += buffers[index].bytes
        top = self.arena
        for index in reversed(above):
            top -= buffers[index].bytes
            moves.append(Shift(index, top))
        settled: dict[int, int] = {}
        if operand is not None and output is not None:
            distance = max(self.problem.distance(output, operand) or 0, 0)
            top -= max(buffers[output].bytes, buffers[operand].bytes + distance)
            moves.append(Shift(operand, top + distance))
            settled[output] = top
        for index in born:
            if index not in settled:
                settled[index] = bottom
                bottom += buffers[index].bytes
        self.shifts[node] = tuple(m for m in moves if self.places[m.buffer] != m.offset)
        self.places.update({m.buffer: m.offset for m in moves})
        self._settle(settled)

    def _partner(self, born: list[int], alive: set[int]) -> tuple[int, int | None, int | None]:
        """The dying operand and the output that save most by overlapping, and how many bytes."""
        best: tuple[int, int | None, int | None] = (0, None, None)
        for overlap in self.problem.overlaps:
            if overlap.output not in born or overlap.operand not in alive:
                continue
            out, operand = (self.problem.buffers[i].bytes for i in (overlap.output, overlap.operand))
            saved = out + operand - max(operand + max(overlap.distance, 0), out)
            best = max(best, (saved, overlap.operand, overlap.output), key=lambda b: b[0])
        return best

    def _settle(self, found: dict[int, int]) -> None:
        self.places.update(found)
        self.offsets.update(found)
