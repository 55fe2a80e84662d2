"""``steps = "auto"``: recipes are tried one after the other until accuracy and budget hold.

Choices are made on validation data or on training samples that are kept aside, never on the evaluation data.  Each
trial is stored by content like any other stage, so a search that was interrupted goes on where it stopped, and all of
them are written to ``<output>/<target>.trials.json`` as they come.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild import cache
from edgebuild.config import DataSource, Gates
from edgebuild.config.automatic import NAME, AutoSettings
from edgebuild.errors import AccuracyError, BudgetError, EdgebuildError, ToolError, UnsupportedError, UsageError
from edgebuild.pipeline import _judged, _ladder, target_steps
from edgebuild.pipeline._ladder import Recipe, Trial
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Stages

if TYPE_CHECKING:
    from edgebuild.pipeline.device import Lowered
    from edgebuild.pipeline.model import Model


def resolved(request: Request, stages: Stages) -> Request:
    """``request`` with the steps that were chosen for it; as it is, unless its steps are ``auto``.

    Raises:
        UsageError: there is no training data to choose by, or it has no labels.
        AccuracyError, BudgetError: no recipe holds.
    """
    steps = request.config.steps
    if not steps or steps[0].technique != NAME:
        return request
    settings = AutoSettings(**steps[0].settings)
    trials = _search(request, settings, stages)
    chosen = _ladder.best(trials)
    if chosen is None:
        raise _refusal(request, trials)
    stages.progress("auto")(1.0, f"{words(chosen.recipe, settings)}")
    return _with(request, chosen.recipe, settings)


def words(recipe: Recipe, settings: AutoSettings) -> str:
    """The recipe as ``compress.steps`` takes it."""
    steps = [_toml({step.technique: dict(step.settings)}) for step in recipe.steps(settings)]
    more = recipe.quantization(settings)
    last = {"precision": recipe.precision, **more} if more else recipe.precision
    return f"[{', '.join([*steps, _toml({'quantize': last})])}]"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value)


def _with(request: Request, recipe: Recipe, settings: AutoSettings) -> Request:
    config = dataclasses.replace(
        request.config,
        steps=recipe.steps(settings),
        precision=recipe.precision,
        quantization=recipe.quantization(settings),
    )
    return dataclasses.replace(request, config=target_steps.of(config, request.profile))


def _search(request: Request, settings: AutoSettings, stages: Stages) -> list[Trial]:
    config = request.config
    if config.training is None:
        raise UsageError(
            "compress.steps",
            "auto chooses by training samples that it keeps aside, and no training data is given",
            "set data.training to a .npz file, a folder of .npy or file.py:function with samples and labels",
        )
    _judged.warn_of_chance(request, stages)
    if config.validation is None:
        stages.listener.warn(
            "auto chooses by samples of the training data, which the model has probably seen, so what compression "
            "costs seems more than it is; data.validation takes samples that it has not seen"
        )
    folder = _split(request, settings, stages)
    skips = _generates_c(request)
    content = config.budget.flash is not None or config.budget.ram is not None
    trials: list[Trial] = []
    while True:
        recipe = _ladder.following(trials, settings, trains=True, content=content, skips=skips)
        if recipe is None:
            return trials
        stages.progress("auto")(len(trials) / settings.trials, f"trial {len(trials) + 1}: {words(recipe, settings)}")
        trials.append(_tried(_with(request, recipe, settings), recipe, folder, stages))
        _record(request, settings, trials)


def _generates_c(request: Request) -> bool:
    """Whether generated C runs on the target, whose kernels skip zeros, and not a runtime."""
    return request.profile.engine != "litert" and request.profile.family != "android"


def _split(request: Request, settings: AutoSettings, stages: Stages) -> Path:
    """The data as two folders: ``training``, and ``held_out`` to choose by."""
    from edgebuild.pipeline import look, model

    inputs, _ = look.shapes(request.config.model)
    if not inputs:
        raise UsageError(
            str(request.config.model),
            "does not state the shapes of its inputs, and auto needs to know them before TensorFlow is started",
            "give a .keras or .h5 that begins with Input layers, or list the steps",
        )
    return model.split(request, tuple((name, (1, *shape)) for name, shape in inputs), settings.held_out, stages)


def _tried(request: Request, recipe: Recipe, folder: Path, stages: Stages) -> Trial:
    """What ``recipe`` gives, from the cache if it was tried before.

    A recipe that cannot be followed on this model is a trial too; what is wrong with the very first one, int8 alone,
    is wrong with the build.
    """
    training, held_out = (DataSource("npy", folder / name) for name in ("training", "held_out"))
    config = dataclasses.replace(
        request.config,
        training=training,
        evaluation=held_out,
        validation=None,
        each_step=False,
        evaluation_samples=10**6,
        vectors=1,
        gates=Gates(),
    )
    trial = dataclasses.replace(request, config=config)
    profile = dataclasses.replace(request.profile, files=())
    key = cache.key(trial.model_key, trial.asked, request.config.gates, profile)

    def work(place: Path) -> None:
        try:
            found = _measured(trial, request, recipe, stages)
        except (UsageError, UnsupportedError) as error:
            if recipe == Recipe():
                raise
            found = Trial(recipe, failure=f"{error.place}: {error.rule}")
        (place / "trial.json").write_text(json.dumps(dataclasses.asdict(found), indent=1) + "\n")

    try:
        read = json.loads((stages.stored("trial", key, work) / "trial.json").read_text())
    except ToolError as error:  # not stored: another time it may go well
        if recipe == Recipe():
            raise
        return Trial(recipe, failure=f"{error.place}: {error.rule}")
    return Trial(recipe, **{name: value for name, value in read.items() if name != "recipe"})


def _measured(trial: Request, request: Request, recipe: Recipe, stages: Stages) -> Trial:
    from edgebuild.pipeline import device, model

    prepared = model.prepare(trial, stages)
    accuracy, uncertain = _judged.accuracy(prepared, trial, stages)
    found = Trial(
        recipe,
        accuracy=accuracy,
        float_accuracy=prepared.float_accuracy,
        uncertain=uncertain,
        tflite_bytes=len(prepared.content),
        macs=device.total_macs(prepared.graph),
        missing=_judged.missing(request.config.gates, accuracy - uncertain, prepared.float_accuracy),
    )
    try:
        return _on_device(found, prepared, request, stages)
    except BudgetError as error:
        return dataclasses.replace(found, over=_excess(error))


def _on_device(found: Trial, prepared: Model, request: Request, stages: Stages) -> Trial:
    """With what the target's compiler and emulator say, where generated C runs there.

    Raises:
        BudgetError: weights, arena or image alone are too large.
    """
    from edgebuild.pipeline import _figures, device
    from edgebuild.reports import budget

    profile, wanted = request.profile, request.config.budget
    flash: int | None
    ram: int | None
    if not _generates_c(request):
        flash, ram, instructions = found.tflite_bytes, None, None
    else:
        lowered: Lowered = device.lower(prepared.graph, request)
        figures = _figures.measured(lowered, request, stages)
        flash, ram, instructions = figures.flash, figures.ram, figures.instructions
    over = 0
    for kind, used in (("flash", flash), ("ram", ram)):
        most, _ = budget.limit(kind, profile, wanted)  # type: ignore[arg-type]
        over += max(0, used - most) if used is not None and most else 0
    return dataclasses.replace(found, flash=flash, ram=ram, instructions=instructions, over=over)


def _excess(error: BudgetError) -> int:
    """Bytes by which a model exceeds what it may take, as the error says it."""
    import re

    match = re.search(r"([\d,]+) more than", error.rule)
    return int(match[1].replace(",", "")) if match else 1


def _record(request: Request, settings: AutoSettings, trials: list[Trial]) -> None:
    """Write all trials down, beside the target's output folder."""
    chosen = _ladder.best(trials)
    listed = [{"steps": words(trial.recipe, settings), "holds": trial.holds, **_plain(trial)} for trial in trials]
    found = {"schema_version": 1, "trials": listed, "best": trials.index(chosen) if chosen else None}
    place = request.output.parent / f"{request.profile.name}.trials.json"
    with cache.disk(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(found, indent=1) + "\n")
        partial.replace(place)


def _plain(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(trial).items() if name != "recipe"}


def _refusal(request: Request, trials: list[Trial]) -> EdgebuildError:
    """The error when nothing holds: what came nearest, and by how much it misses."""
    near = _ladder.nearest(trials)
    assert near is not None, "the first trial either raises or is measured"
    settings = AutoSettings(**request.config.steps[0].settings)
    told = tuple(_line(trial, settings) for trial in sorted(trials, key=lambda t: (bool(t.failure), t.missing, t.over)))
    place = f"{request.config.name} on {request.profile.name}"
    if near.missing > 0:
        return AccuracyError(
            place,
            f"none of {len(trials)} recipes keeps the accuracy; the nearest misses it by {near.missing:.2%}",
            "raise epochs or trials of auto, give more training data, or relax [gates]",
            told[:5],
        )
    return BudgetError(
        place,
        f"none of {len(trials)} recipes that keep the accuracy fits; the nearest is {near.over:,} bytes too large",
        "raise the budget or trials of auto, or relax [gates]",
        told[:5],
    )


def _line(trial: Trial, settings: AutoSettings) -> str:
    if trial.failure:
        return f"{words(trial.recipe, settings)}: {trial.failure}"
    facts = [f"accuracy {trial.accuracy:.2%}" if trial.accuracy is not None else ""]
    facts += [f"{name} {value:,}" for name, value in (("flash", trial.flash), ("RAM", trial.ram)) if value is not None]
    facts += [f"{trial.over:,} bytes too large"] if trial.over else []
    return f"{words(trial.recipe, settings)}: {', '.join(fact for fact in facts if fact)}"


__all__ = ["resolved", "words"]
