"""What ``auto`` tries next: a pure function, against models of how accuracy falls with size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from edgebuild import compress, convert
from edgebuild.config.automatic import AutoSettings
from edgebuild.pipeline import _ladder
from edgebuild.pipeline._ladder import Recipe, Trial

SETTINGS = AutoSettings(trials=20)


def search(
    answer: Callable[[Recipe], Trial], *, settings: AutoSettings = SETTINGS, skips: bool = True, **more: bool
) -> list[Trial]:
    trials: list[Trial] = []
    asked = {"trains": True, "content": False, **more}
    while (recipe := _ladder.following(trials, settings, skips=skips, **asked)) is not None:
        assert recipe not in [trial.recipe for trial in trials], "nothing is tried twice"
        trials.append(answer(recipe))
    return trials


def world(
    bears: dict[str, float], blocks: float = 0.4, gain: float = 0.0, levels: bool = False
) -> Callable[[Recipe], Trial]:
    """Trials of a model that bears each lever up to a strength, blocks up to a share of zeros, and 16 levels or not."""

    def answer(recipe: Recipe) -> Trial:
        allowed = bears.get(recipe.lever, 0.0) + (gain if recipe.precision == "int8_qat" else 0.0)
        missing = max(0.0, recipe.strength - allowed, recipe.blocks - blocks) / 50
        missing += 0.0 if levels or not recipe.int4 else 0.02
        size = round(1000 * (1 - recipe.strength)) + 10
        flash = size // 2 if recipe.int4 else size
        work = round(size * (1 - recipe.blocks / 2))
        return Trial(
            recipe,
            accuracy=0.9,
            float_accuracy=0.9,
            tflite_bytes=2 * size,
            macs=size,
            flash=flash,
            ram=size,
            instructions=work,
            missing=missing,
        )

    return answer


def test_levers_are_driven_as_far_as_they_bear() -> None:
    trials = search(world({"channels": 0.55, "factorize": 0.83}))
    assert [trial.recipe for trial in trials[:3]] == [
        Recipe(),
        Recipe("channels", 0.5),
        Recipe("factorize", 0.5),
    ]
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe.lever == "factorize"
    assert 0.83 - _ladder.STEP <= found.recipe.strength <= 0.83
    ends = [t.recipe.strength for t in trials if t.recipe.lever == "channels" and t.accurate]
    assert 0.55 - _ladder.STEP <= max(ends) <= 0.55


def test_a_lever_that_is_dearer_at_half_may_end_cheaper() -> None:
    bears = world({"channels": 0.81, "factorize": 0.6})

    def answer(recipe: Recipe) -> Trial:
        trial = bears(recipe)
        return dataclasses.replace(trial, flash=trial.flash * 0.9 if recipe.lever == "factorize" else trial.flash)

    trials = search(answer)
    levers = [trial.recipe.lever for trial in trials]
    assert levers.index("factorize", 3) < levers.index("channels", 3), "what is cheaper at half goes on first"
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe.lever == "channels"
    assert 0.81 - _ladder.STEP <= found.recipe.strength <= 0.81


def test_strengths_that_leave_the_same_are_not_told_apart() -> None:
    """Ranks are whole: between a half, which is borne, and five eighths, which is not, there may be nothing."""
    bears = world({"channels": -1, "factorize": 0.55})

    def answer(recipe: Recipe) -> Trial:
        trial = bears(recipe)
        whole = {0.5: 440, 0.625: 410}.get(recipe.strength, trial.macs)
        return dataclasses.replace(trial, macs=whole if recipe.lever == "factorize" else trial.macs)

    strengths = [trial.recipe.strength for trial in search(answer) if trial.recipe.lever == "factorize"]
    assert strengths[:3] == [0.5, 0.75, 0.625]
    assert not {0.562, 0.563, 0.594} & set(strengths)


def test_a_lever_that_half_is_too_much_for_is_used_less() -> None:
    found = _ladder.best(search(world({"factorize": 0.3, "channels": -1})))
    assert found is not None
    assert found.recipe.lever == "factorize"
    assert 0.2 <= found.recipe.strength <= 0.3


def test_blocks_come_last_and_only_as_far_as_they_hold() -> None:
    trials = search(world({"channels": 0.5}, blocks=0.6))
    blocks = [trial.recipe.blocks for trial in trials if trial.recipe.blocks]
    assert blocks[:3] == [0.5, 0.75, 0.625], "what lies between is tried where it can matter"
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe.blocks == 0.5


def test_three_quarters_are_not_tried_where_half_is_too_much() -> None:
    trials = search(world({"channels": 0.9}, blocks=0.4))
    assert {trial.recipe.blocks for trial in trials} == {0.0, 0.5}


def test_a_weaker_trial_than_the_best_leaves_accuracy_for_blocks() -> None:
    def answer(recipe: Recipe) -> Trial:
        spent = recipe.strength + (0.2 if recipe.blocks else 0.0)
        trial = world({"channels": 1.0}, blocks=1.0)(recipe)
        flash = 1 if recipe.blocks else trial.flash
        return dataclasses.replace(trial, missing=max(0.0, spent - 0.8), flash=flash)

    trials = search(answer)
    found = _ladder.best(trials)
    assert found is not None
    further = max(trial.recipe.strength for trial in trials if trial.accurate)
    assert found.recipe.blocks == 0.75
    assert found.recipe.strength == 0.5 < further


def test_sixteen_levels_come_on_top_of_the_blocks() -> None:
    trials = search(world({"channels": 0.5}, blocks=0.6, levels=True))
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe == Recipe("channels", found.recipe.strength, 0.5, "int8_qat", int4=True)


def test_a_target_whose_kernels_skip_nothing_is_spared_blocks_and_levels() -> None:
    trials = search(world({"channels": 0.5}, blocks=0.6, levels=True), skips=False)
    assert not any(trial.recipe.blocks or trial.recipe.int4 for trial in trials)


def test_what_nearly_holds_is_quantized_in_training() -> None:
    trials = search(world({"channels": 0.2, "factorize": 0.1}, gain=0.4))
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe.precision == "int8_qat"


def test_inaccurate_int8_escalates_first() -> None:
    def answer(recipe: Recipe) -> Trial:
        trial = world({})(recipe)
        return dataclasses.replace(trial, missing=0.0 if recipe.precision == "int8_qat" else 0.3)

    trials = search(answer)
    assert trials[1].recipe == Recipe(precision="int8_qat")
    assert {trial.recipe.precision for trial in trials[2:]} == {"int8_qat"}


def test_with_a_budget_the_first_that_holds_is_enough() -> None:
    def answer(recipe: Recipe) -> Trial:
        trial = world({"channels": 0.8})(recipe)
        return dataclasses.replace(trial, over=max(0, trial.macs - 600) if trial.macs else 0)

    trials = search(answer, content=True)
    assert [trial.recipe for trial in trials] == [Recipe(), Recipe("channels", 0.5)]
    assert trials[-1].holds


def test_it_ends_after_so_many_trials_or_without_data() -> None:
    assert len(search(world({"channels": 0.9}), settings=AutoSettings(trials=3))) == 3
    assert len(search(world({"channels": 0.9}), trains=False)) == 1


def test_recipes_that_cannot_be_followed_are_passed_over() -> None:
    def answer(recipe: Recipe) -> Trial:
        return Trial(recipe, failure="no") if recipe.lever else world({})(recipe)

    trials = search(answer)
    found = _ladder.best(trials)
    assert found is not None
    assert found.recipe == Recipe()
    assert {trial.recipe.lever for trial in trials} == {"", *_ladder.LEVERS}


def test_the_nearest_is_told_when_nothing_holds() -> None:
    def answer(recipe: Recipe) -> Trial:
        return dataclasses.replace(world({})(recipe), missing=0.02 + recipe.strength)

    trials = search(answer)
    assert _ladder.best(trials) is None
    near = _ladder.nearest(trials)
    assert near is not None
    assert near.missing == 0.02


@pytest.mark.parametrize("lever", _ladder.LEVERS)
@pytest.mark.parametrize("blocks", [0.0, 0.5])
def test_recipes_are_steps_that_the_techniques_accept(lever: str, blocks: float) -> None:
    recipe = Recipe(lever, 0.5, blocks, "int8_qat", int4=True)
    steps = recipe.steps(SETTINGS)
    _, rest = convert.settings(recipe.precision, recipe.quantization(SETTINGS))
    assert compress.settings("qat", rest).int4 == "most"
    read = [(step.technique, compress.settings(step.technique, step.settings)) for step in steps]
    compress.check_order(read)
    assert len(steps) == (2 if blocks else 1)
