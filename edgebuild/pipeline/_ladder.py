"""Which recipe ``auto`` tries next: a function of what the trials before it found, so that a search can be resumed.

First int8 alone, whose calibration chooses ranges, equalization and bias correction by itself, and quantization in
training where that is not accurate enough.  Then each way of making the model smaller at half strength; the best of
them is driven as far as accuracy allows; then, where the target's kernels gain by it, what remains is pruned in blocks
and its weights get four bits, also of a weaker one, which leaves more accuracy to spend on that; and what is nearly
accurate enough gets quantization in training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgebuild.config import Step
from edgebuild.config.automatic import AutoSettings

LEVERS = ("channels", "factorize")
"""Ways of making the model smaller: whole filters removed, layers factorized."""

LONGER = 5
"""So many times as long a model learns after whole filters went, which is the most to make up for.  Measured on
Fashion-MNIST's DS-CNN, 72 % of the multiplications gone: 9 epochs lose 0.98 points, 15 lose 0.64."""

ROOM = 0.1
"""Strength less than the best's that leaves accuracy to spend on blocks of zeros and weights of four bits."""

HALF = 0.5
STEP = 0.05
"""Strengths, shares of the multiply-accumulates that go, are not told apart more finely."""

MORE, MIDDLE = 0.75, 0.625
"""Shares of zeros that are tried where a half is borne; the second where the first is not."""


@dataclass(frozen=True)
class Recipe:
    """Steps and precision.

    Attributes:
        lever: which of :data:`LEVERS` it uses; empty for none.
        strength: share of the multiply-accumulates that the lever takes away.
        blocks: share of zeros in blocks that the target's kernels skip; 0 without.
        int4: whether weights are trained to have 16 levels.
    """

    lever: str = ""
    strength: float = 0.0
    blocks: float = 0.0
    precision: str = "int8"
    int4: bool = False

    def steps(self, settings: AutoSettings) -> tuple[Step, ...]:
        """The compression steps."""
        tuned = {
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
        }
        found: list[Step] = []
        if self.lever == "channels":
            # of all layers alike: with 72 % gone, 15 epochs end 0.42 points above those after a choice by sensitivity
            own: dict[str, Any] = {"pattern": "channels", "sparsity": self.strength}
            found.append(Step("prune", {**own, "distill": 0.5, **tuned, "epochs": LONGER * settings.epochs}))
        elif self.lever == "factorize":
            found.append(Step("factorize", {"keep": round(1 - self.strength, 3), **tuned}))
        if self.blocks:
            found.append(Step("prune", {"pattern": "target", "sparsity": self.blocks, "distill": 0.5, **tuned}))
        return tuple(found)

    def quantization(self, settings: AutoSettings) -> dict[str, Any]:
        """Settings of the precision."""
        if self.precision != "int8_qat":
            return {}
        more: dict[str, Any] = {"epochs": 1, "learning_rate": settings.learning_rate / 4}
        if self.int4:
            more = {"epochs": settings.epochs, "learning_rate": settings.learning_rate / 2, "int4": "most"}
        return {**more, "batch_size": settings.batch_size}


@dataclass(frozen=True)
class Trial:
    """A recipe and what came of it.

    Attributes:
        accuracy, float_accuracy: on the samples held out, 0 to 1; of the int8 model, and of the model as it was.
        flash, ram, instructions: on the target; None where not measured.
        uncertain: standard error of what it loses against that, on so many samples.
        missing: by how much it misses accuracy, less that, in shares of the samples, and 0 when it does not.
        over: by how many bytes it exceeds the budget, flash and RAM together.
        failure: why there is nothing to measure; empty when there is.
    """

    recipe: Recipe
    accuracy: float | None = None
    float_accuracy: float | None = None
    tflite_bytes: int | None = None
    macs: int | None = None
    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None
    uncertain: float = 0.0
    missing: float = 0.0
    over: int = 0
    failure: str = ""

    @property
    def accurate(self) -> bool:
        """Whether it keeps the accuracy that is asked for."""
        return not self.failure and self.missing <= 0

    @property
    def holds(self) -> bool:
        """Whether it keeps accuracy and budget."""
        return self.accurate and self.over <= 0

    @property
    def cost(self) -> float:
        """What is made small: flash times instructions, or bytes times multiply-accumulates where those are unknown."""
        if self.failure:
            return math.inf
        size, work = self.flash or self.tflite_bytes, self.instructions or self.macs
        return math.inf if size is None or work is None else float(size) * work


def best(trials: Sequence[Trial]) -> Trial | None:
    """The cheapest that holds; None when none does."""
    holding = [trial for trial in trials if trial.holds]
    return min(holding, key=lambda trial: trial.cost, default=None)


def nearest(trials: Sequence[Trial]) -> Trial | None:
    """What came nearest to holding: accuracy first, then bytes."""
    real = [trial for trial in trials if not trial.failure]
    return min(real, key=lambda trial: (trial.missing, trial.over), default=None)


def following(
    trials: Sequence[Trial], settings: AutoSettings, *, trains: bool, content: bool, skips: bool = True
) -> Recipe | None:
    """The next recipe to try; None when there is none.

    Args:
        trains: whether there is training data.
        content: whether anything that holds is good enough, because a budget says how small it must be.
        skips: whether the target's kernels skip zeros and store narrow weights.
    """
    if not trials:
        return Recipe()
    if len(trials) >= settings.trials or not trains or (content and best(trials) is not None):
        return None
    done = {trial.recipe: trial for trial in trials}
    plain = Recipe()
    trained = Recipe(precision="int8_qat")
    if not done[plain].accurate and trained not in done:
        return trained
    precision = "int8" if done[plain].accurate or not done[trained].accurate else "int8_qat"
    for lever in LEVERS:
        recipe = Recipe(lever, HALF, precision=precision)
        if recipe not in done:
            return recipe
    further = _further(done, precision)
    if further is not None:
        return further
    return _finish(trials, done, skips)


def _further(done: dict[Recipe, Trial], precision: str) -> Recipe | None:
    """A lever at the strength that halves what is not known yet: each that a half is borne of, the best one first.

    How far accuracy lets a lever go is not seen at a half: the dearer one there may end cheaper.
    """
    halves = [done[Recipe(lever, HALF, precision=precision)] for lever in LEVERS]
    driven = sorted((trial for trial in halves if trial.accurate), key=lambda trial: trial.cost)
    if not driven:
        real = [trial for trial in halves if not trial.failure]
        driven = sorted(real, key=lambda trial: trial.missing)[:1]
    found = (_driven(trial.recipe.lever, done, precision) for trial in driven)
    return next((recipe for recipe in found if recipe is not None), None)


def _driven(lever: str, done: dict[Recipe, Trial], precision: str) -> Recipe | None:
    """``lever`` halfway between what is borne of it and what is not; None where those are close."""
    nothing = done[Recipe()]
    own = {r.strength: t for r, t in done.items() if r == Recipe(lever, r.strength, precision=precision)}
    low = max((strength for strength, trial in own.items() if trial.accurate), default=0.0)
    high = min((strength for strength, trial in own.items() if not trial.accurate and strength > low), default=1.0)
    apart = high - low
    if high in own and low in own:  # ranks are whole numbers: two strengths may leave much the same
        apart = min(apart, _gone(own[high], nothing) - _gone(own[low], nothing))
    strength = round((low + high) / 2, 3)
    return None if apart <= STEP + 1e-9 or strength in own else Recipe(lever, strength, precision=precision)


def _gone(trial: Trial, nothing: Trial) -> float:
    """Share of the multiply-accumulates that a trial took away."""
    if not trial.macs or not nothing.macs:
        return trial.recipe.strength
    return 1 - trial.macs / nothing.macs


def _finish(trials: Sequence[Trial], done: dict[Recipe, Trial], skips: bool) -> Recipe | None:
    """What may come on top of the best; then training with the rounding for what nearly holds."""
    accurate = [trial for trial in trials if trial.accurate]
    plain = sorted((t for t in accurate if not t.recipe.blocks and not t.recipe.int4), key=lambda trial: trial.cost)
    for trial in _bases(plain) if skips else ():
        recipe = _on_top(trial.recipe, done)
        if recipe is not None:
            return recipe
    least = min((trial.cost for trial in accurate), default=math.inf)
    near = [t for t in trials if not t.failure and 0 < t.missing <= 0.01 and t.cost < least]
    for trial in sorted(near, key=lambda trial: trial.missing):
        recipe = replace(trial.recipe, precision="int8_qat")
        if recipe not in done:
            return recipe
    return None


def _bases(plain: Sequence[Trial]) -> list[Trial]:
    """The first of ``plain``, which is the cheapest, and the cheapest that is weaker by :data:`ROOM`."""
    if not plain:
        return []
    top = plain[0].recipe
    weaker = [t for t in plain if t.recipe.lever == top.lever and t.recipe.strength <= top.strength - ROOM + 1e-9]
    return [plain[0], *weaker[:1]]


def _on_top(base: Recipe, done: dict[Recipe, Trial]) -> Recipe | None:
    """``base`` with blocks of zeros, as many as it bears, and then with 16 levels."""
    borne = {r.blocks: t.accurate for r, t in done.items() if r == replace(base, blocks=r.blocks)}
    for blocks, sense in (
        (HALF, True),
        (MORE, borne.get(HALF, False)),
        (MIDDLE, borne.get(HALF, False) and not borne.get(MORE, True)),
    ):
        if sense and blocks not in borne:
            return replace(base, blocks=blocks)
    most = max((blocks for blocks, accurate in borne.items() if accurate), default=0.0)
    narrow = replace(base, blocks=most, precision="int8_qat", int4=True)
    return None if narrow in done else narrow
