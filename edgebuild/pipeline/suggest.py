"""``edgebuild suggest``: students that fit a target, with what they take there.

Nobody has trained them yet.  Their int8 graphs are built directly from the description that the worker builds the
Keras model from, with random weights, and go through the device half: its passes, kernels, planner, compiler and
emulator.  So nothing here needs TensorFlow, and no figure is a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild import models
from edgebuild.config import Budget, Config
from edgebuild.errors import BudgetError, UnsupportedError, UsageError
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Listener, Silent, Stages

if TYPE_CHECKING:
    from edgebuild.pipeline.device import Lowered

WIDTHS = tuple(round(0.0625 * 2 ** (step / 2), 3) for step in range(13))
"""0.0625, 0.088, 0.125 … 4: steps of √2, so that multiply-accumulates about double."""

SHOWN = 2
"""How many widths of an architecture are suggested: the largest that fits, and steps below it."""


@dataclass(frozen=True)
class Suggestion:
    """A student.

    Attributes:
        student, width: settings of the compression step ``distill``.
        weights: bytes of all constants of the int8 model.
        arena: bytes of the arena without the planner's slower ways of saving (``memory = "fastest"``).
        flash: weights and code as linked; None unless compiled.
        ram: arena, static data and the measured stack; None unless run.
        instructions: counted in the emulator, with random weights; None unless run.
    """

    student: str
    width: float
    macs: int
    weights: int
    arena: int
    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None

    @property
    def step(self) -> str:
        """The step for ``edgebuild.toml``."""
        return f'{{ distill = {{ student = "{self.student}", width = {self.width:g} }} }}'

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints of it."""
        return {**asdict(self), "step": self.step}


def suggest(
    shape: models.Shape,
    outputs: models.Shape,
    target: str,
    budget: Budget,
    *,
    measure: bool = True,
    listener: Listener | None = None,
) -> tuple[Suggestion, ...]:
    """Students for inputs of ``shape`` that fit ``target``, the one with the most multiply-accumulates first.

    Args:
        shape, outputs: without batch.
        budget: the most flash and RAM; what it leaves open the target says.
        measure: compile and run those that are suggested, for flash, RAM and instructions.

    Raises:
        UsageError: no architecture goes with these shapes.
        BudgetError: none fits.
    """
    request = Request.of(configuration(target, budget), target)
    stages = Stages(request.profile.name, listener or Silent(), use_cache=True)
    problems = {name: models.find(name).problem(shape, outputs) for name in models.names()}
    fitting = [name for name, problem in problems.items() if not problem]
    if not fitting:
        details = tuple(f"{name} {problem}" for name, problem in problems.items())
        raise UsageError("suggest", "no architecture goes with this model", "give a student as a model file", details)
    found: list[Suggestion] = []
    for number, name in enumerate(fitting):
        with stages.stage(f"suggest {name}"):
            stages.progress("suggest")(number / len(fitting), name)
            found += _of_one(name, shape, outputs, request, stages, measure=measure)
    if not found:
        raise BudgetError(
            "suggest",
            f"no student of {', '.join(fitting)} fits {request.profile.name} within the budget",
            "raise the budget, or choose a larger target",
        )
    return tuple(sorted(found, key=lambda one: (-one.macs, one.student)))


def configuration(target: str, budget: Budget) -> Config:
    """A build of C for a student."""
    return Config(model=Path(), name="student", targets=(target,), output=Path(), engine="c", budget=budget)


def _of_one(
    name: str, shape: models.Shape, outputs: models.Shape, request: Request, stages: Stages, *, measure: bool
) -> Iterator[Suggestion]:
    """The widest students of one architecture that fit."""
    count = 0
    for width in _fitting_weights(name, shape, outputs, request):
        try:
            suggestion, lowered = planned(name, shape, outputs, width, request)
            if measure:
                suggestion = _measured(suggestion, lowered, request, stages)
        except (BudgetError, UnsupportedError):
            continue
        yield suggestion
        count += 1
        if count == SHOWN:
            return


def _fitting_weights(name: str, shape: models.Shape, outputs: models.Shape, request: Request) -> Iterator[float]:
    """Widths, the largest first, whose weights alone fit flash; the smallest of those that make the same network."""
    from edgebuild.reports import budget

    most, _ = budget.limit("flash", request.profile, request.config.budget)
    nets = {width: models.describe(name, shape, outputs, width).layers for width in WIDTHS}
    for width, smaller in zip(WIDTHS[::-1], (*WIDTHS[-2::-1], None), strict=True):
        if smaller is not None and nets[smaller] == nets[width]:
            continue
        net = models.describe(name, shape, outputs, width)
        least = sum(_weights(layer, net) for layer in net.layers)
        if not most or least <= most:
            yield width


def _weights(layer: models.Layer, net: models.Net) -> int:
    """Bytes of the layer's int8 kernel."""
    inputs = net.of(layer.inputs[0])[-1]
    window = math.prod(layer.kernel)
    if layer.kind == "depthwise":
        return window * layer.shape[-1]
    return window * inputs * layer.shape[-1] if layer.kind in ("convolution", "dense") else 0


def planned(
    name: str, shape: models.Shape, outputs: models.Shape, width: float, request: Request
) -> tuple[Suggestion, Lowered]:
    """What it takes by the planner.

    Raises:
        BudgetError: weights or arena alone are too large.
        UnsupportedError: the target cannot run an operator.
    """
    from edgebuild.pipeline import device

    net = models.describe(name, shape, outputs, width)
    graph = models.graph(net, softmax=not models.find(name).reconstructs)
    quick = replace(request, config=replace(request.config, memory="fastest"))
    lowered = device.lower(graph, quick)
    weights = sum(tensor.bytes for tensor in lowered.graph.tensors if tensor.constant)
    macs = device.total_macs(graph)
    return Suggestion(name, width, macs, weights, lowered.plan.arena_bytes), lowered


def _measured(suggestion: Suggestion, lowered: Lowered, request: Request, stages: Stages) -> Suggestion:
    """The same with what compiler and emulator say.

    Raises:
        BudgetError: it does not fit after all.
    """
    from edgebuild.pipeline import _figures
    from edgebuild.reports import budget

    found = _figures.measured(lowered, request, stages)
    budget.check_flash(found.flash, lowered.graph, request.profile, request.config.budget)
    if found.ram is not None:
        budget.check_ram(found.ram, lowered.graph, request.profile, request.config.budget)
    return replace(suggestion, flash=found.flash, ram=found.ram, instructions=found.instructions)
