"""``edgebuild init``: writes a commented edgebuild.toml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgebuild.cli import _options
from edgebuild.config import render
from edgebuild.config.schema import FILE_NAME
from edgebuild.errors import UsageError

_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")


@click.command()
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME",
    shell_complete=_options.complete_target,
    help="Target to build for; cortex-m4 without it.",
)
@click.option("--model", type=click.Path(), metavar="PATH", help="The model; without it, the one that lies here.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def command(targets: tuple[str, ...], model: str | None, **options: Any) -> None:
    """Write an edgebuild.toml with comments into the current folder."""
    from edgebuild.target import load

    console = _options.console(options)
    for target in targets:
        load.load(target)
    found = [model] if model else models(Path())
    values = {"targets": json.dumps(list(targets) or ["cortex-m4"])}
    if len(found) == 1:
        values["model.path"] = json.dumps(found[0], ensure_ascii=False)
    file = Path(FILE_NAME)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(render.starter(values))
    except FileExistsError:
        raise UsageError(FILE_NAME, "is already here", "edit it, or remove it first") from None
    console.note(f"wrote {FILE_NAME}")
    if len(found) == 1:
        console.note(f"  model: {found[0]}")
        if not found[0].endswith(".tflite"):
            console.note("  set data.calibration next: int8 needs representative inputs")
    else:
        console.note(f"  set model.path next; models here: {', '.join(found) or 'none'}")


def models(folder: Path) -> list[str]:
    """Names of the model files and SavedModel folders in ``folder``, sorted."""
    return sorted(
        entry.name for entry in folder.iterdir() if entry.suffix in _SUFFIXES or (entry / "saved_model.pb").is_file()
    )
