"""Which kernels are worth their flash: a whole model's constants and code, beside its instructions.

A kernel that skips zeros or decodes four bits makes constants smaller, but is code of its own, which pays only if the
layers that use it save more. So layers are not weighed one by one: all layers that gain by a kernel take it together,
or leave it together, as long as that makes the model better.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgebuild.ir.graph import Graph
from edgebuild.ops import Kernel


@dataclass(frozen=True)
class Weight:
    """What a kernel takes for one node.

    Attributes:
        constants: bytes of its arrays.
        instructions: of one inference, as predicted.
        function: what other layers share its code by.
        code: bytes of that code, about.
    """

    kernel: Kernel
    constants: int
    instructions: float
    function: tuple[object, ...]
    code: int


def weight(number: int, graph: Graph, kernel: Kernel) -> Weight:
    """What ``kernel`` takes for node ``number``."""
    node = graph.nodes[number]
    call = kernel.context(node, graph)
    return Weight(
        kernel,
        sum(array.nbytes for array in call.arrays.values()),
        kernel.instructions(node, graph),
        (kernel.template, *sorted(call.shape.items())),
        kernel.code,
    )


Weights = Mapping[int, Weight]
"""Of each node what its kernel takes."""


def flash(chosen: Weights) -> int:
    """Bytes of constants and code; code that layers share counts once."""
    code = {one.function: one.code for one in chosen.values()}
    return sum(one.constants for one in chosen.values()) + sum(code.values())


def weighed(start: Weights, options: Mapping[int, Sequence[Weight]], halving: float | None = None) -> dict[int, Weight]:
    """The best of ``options`` that steps of whole kernels lead to.

    Args:
        start: what nodes have now.
        options: what they could have besides.
        halving: bytes of flash that half as many instructions are worth, however many they are; by default a share of
            the instructions of ``start`` counts as much as the same share of its flash.
    """
    total, bytes_ = _instructions(start), flash(start)

    def cost(chosen: Weights) -> float:
        if halving is not None:
            return flash(chosen) + halving * math.log2(_instructions(chosen))
        return flash(chosen) + _instructions(chosen) * bytes_ / total

    chosen = dict(start)
    while True:
        each = bytes_ / total if halving is None else halving / math.log(2) / _instructions(chosen)
        alone = functools.partial(_alone, each=each)
        steps = list(_steps(chosen, start, options, alone))
        if halving is not None:  # one operator may be worth it only together with another, or for all of its layers
            wide = [*steps, *_whole(chosen, start, options)]
            steps = [*wide, *(two for one in wide for two in _steps(one, start, options, alone))]
            steps += [two for one in wide for two in _whole(one, start, options)]
        best = min(steps, key=cost, default=chosen)
        if cost(best) >= cost(chosen) - 1e-6:
            return chosen
        chosen = best


def _instructions(chosen: Weights) -> float:
    return sum(one.instructions for one in chosen.values()) or 1.0


def _alone(one: Weight, each: float) -> float:
    """What a layer costs by itself, at ``each`` byte for an instruction."""
    return one.instructions * each + one.constants


def _steps(
    chosen: Weights, start: Weights, options: Mapping[int, Sequence[Weight]], alone: Callable[[Weight], float]
) -> Iterator[dict[int, Weight]]:
    """``chosen`` with one kernel taken by all layers that gain by it, or left by all that have it."""
    every = {n: (start[n], *options.get(n, ())) for n in chosen}
    for kernel in {one.kernel: None for rest in every.values() for one in rest}:
        taken, left = dict(chosen), dict(chosen)
        for n, rest in every.items():
            own = next((one for one in rest if one.kernel == kernel), None)
            if own and alone(own) < alone(chosen[n]):
                taken[n] = own
            others = [one for one in rest if one.kernel != kernel]
            if chosen[n].kernel == kernel and others:
                left[n] = min(others, key=alone)
        yield taken
        yield left


def _whole(chosen: Weights, start: Weights, options: Mapping[int, Sequence[Weight]]) -> Iterator[dict[int, Weight]]:
    """``chosen`` with one kernel taken by all layers that can have it."""
    every = {n: (start[n], *options.get(n, ())) for n in chosen}
    for kernel in {one.kernel: None for rest in every.values() for one in rest}:
        own = {n: one for n, rest in every.items() for one in rest if one.kernel == kernel}
        yield {**chosen, **own}
