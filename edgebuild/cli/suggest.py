"""``edgebuild suggest``: proposes student architectures that fit a target, with what they take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgebuild import config
from edgebuild.cli import _options
from edgebuild.cli._several import each_target
from edgebuild.cli.console import SCHEMA_VERSION, Progress, table
from edgebuild.config import Budget
from edgebuild.config.kinds import Bytes, Wrong
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from edgebuild.pipeline.suggest import Suggestion


@click.command()
@click.option(
    "--target", "targets", multiple=True, metavar="NAME", shell_complete=_options.complete_target, help="To fit."
)
@click.option("--config", "file", type=click.Path(), metavar="FILE", help="Instead of ./edgebuild.toml.")
@click.option("--model", type=click.Path(), metavar="PATH", help="A model for the same task, for its shapes.")
@click.option("--input", "shape", metavar="SHAPE", help="Shape of an input, such as 28x28x1, instead of a model.")
@click.option("--outputs", metavar="COUNT", help="Number of classes, or shape of an output.")
@click.option("--flash", metavar="BYTES", help="Most flash; without it the configuration's, or the target's.")
@click.option("--ram", metavar="BYTES", help="Most RAM; without it the configuration's, or the target's.")
@click.option("--plan-only", is_flag=True, help="Compile and run nothing: only weights, arena and MACs.")
@_options.talk
def command(**options: Any) -> int:
    """Propose students for distillation that fit a target's flash and RAM."""
    console = _options.console(options)
    file = _options.settings_file(options)
    values = config.read(file).values if file is not None else {}
    targets = options["targets"] or values.get("targets") or ()
    if not targets:
        raise UsageError("command line", "no target is given", "give --target; edgebuild targets lists them")
    shape, outputs = _shapes(options, values)
    budget = Budget(
        _bytes("--flash", options["flash"]) or values.get("budget.flash"),
        _bytes("--ram", options["ram"]) or values.get("budget.ram"),
    )
    from edgebuild.pipeline import suggest  # after the request: what is misspelt is told at once

    progress = Progress(console)

    def one(target: str) -> dict[str, Any]:
        try:
            found = suggest.suggest(shape, outputs, target, budget, measure=not options["plan_only"], listener=progress)
        finally:
            progress.close()
        console.result(render(target, shape, outputs, found))
        return {
            "schema_version": SCHEMA_VERSION,
            "target": target,
            "input": list(shape),
            "output": list(outputs),
            "suggestions": [suggestion.as_json() for suggestion in found],
        }

    return each_target(targets, one, console)


def render(target: str, shape: tuple[int, ...], outputs: tuple[int, ...], found: tuple[Suggestion, ...]) -> list[str]:
    """Suggestions as lines."""
    heading = f"{target}: students for {_words(shape)} → {_words(outputs)}, before any training"
    rows = [["step for compress.steps", "MACs", "weights", "flash", "arena", "RAM", "instructions"]]
    for one in found:
        numbers = (one.macs, one.weights, one.flash, one.arena, one.ram, one.instructions)
        rows.append([one.step, *("" if number is None else f"{number:,}" for number in numbers)])
    keep = [i for i in range(len(rows[0])) if i == 0 or any(row[i] for row in rows[1:])]
    shown = [[row[i] for i in keep] for row in rows]
    return [heading, "", *table(shown, right=range(1, len(keep)))]


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _bytes(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        size: int = Bytes().read(int(text) if text.isdecimal() else text, Path())
    except Wrong as wrong:
        raise UsageError(option, wrong.rule, wrong.remedy) from None
    return size


def _shapes(options: dict[str, Any], values: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of an input and an output: what the options say, else the model's."""
    given = {key: _shape(f"--{name}", options[key]) for key, name in (("shape", "input"), ("outputs", "outputs"))}
    shape, outputs = given["shape"], given["outputs"]
    model = Path(options["model"]) if options["model"] else values.get("model")
    if (shape is None or outputs is None) and model is not None:
        from edgebuild import pipeline

        inputs, answers = pipeline.shapes(model)
        shape = shape or (inputs[0][1] if len(inputs) == 1 else None)
        outputs = outputs or answers
    missing = [name for name, known in (("--input", shape), ("--outputs", outputs)) if known is None]
    if missing:
        remedy = f"give {' and '.join(missing)}, for example --input 28x28x1 --outputs 10"
        raise UsageError("command line", "the shapes of input and output are not known", remedy)
    assert shape is not None and outputs is not None
    return shape, outputs


def _shape(option: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]\d*([x×][1-9]\d*)*", text):
        raise UsageError(option, f"'{text}' is no shape", "write it as 28x28x1")
    return tuple(int(size) for size in re.split("[x×]", text))
