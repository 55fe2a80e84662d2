"""``edgebuild inspect``: shows operators, multiply-accumulates and memory of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edgebuild.cli import _options
from edgebuild.cli.console import table
from edgebuild.errors import UsageError


@click.command()
@click.argument("model", type=click.Path())
@click.option("--target", metavar="NAME", shell_complete=_options.complete_target, help="Plan memory for its kernels.")
@click.option("--memory", is_flag=True, help="Draw the arena over time.")
@click.option("--svg", type=click.Path(), metavar="FILE", help="Write that picture as SVG.")
@_options.json_only
def command(model: str, target: str | None, memory: bool, svg: str | None, **options: Any) -> None:
    """Show the operators, multiply-accumulates and memory of MODEL."""
    from edgebuild import pipeline

    console = _options.console(options)
    inspection = pipeline.inspect(Path(model), target)
    if (memory or svg) and inspection.memory is None:
        raise UsageError(model, "its memory cannot be planned", "give a .tflite whose operators edgebuild ops lists")
    if svg and inspection.memory is not None:
        Path(svg).write_text(inspection.memory.svg + "\n")
    found: dict[str, Any] = inspection.as_json()
    if console.as_json:
        console.object(found)
    else:
        console.result([*render(found), *(("", *inspection.memory.lines) if memory and inspection.memory else ())])


def render(found: Mapping[str, Any]) -> list[str]:
    """An inspection as lines."""
    lines = [f"{found['name']}: {found['tflite_bytes']:,} bytes"] if found.get("tflite_bytes") else [f"{found['name']}"]
    for kind in ("inputs", "outputs"):
        lines += [
            f"  {kind[:-1]:<7}{port['name']}  {port['dtype']} {_shape(port['shape'])}" for port in found.get(kind) or ()
        ]
    totals = {"macs": "MACs", "weights": "weights", "arena_bytes": "arena bytes"}
    lines += [f"  {words:<12}{found[key]:,}" for key, words in totals.items() if found.get(key) is not None]
    rows = [["#", "operator", "layer", "output", "MACs", "weights"]]
    for op in found.get("operators") or ():
        output = op.get("output")
        shown = _shape(output) if isinstance(output, list | tuple) else str(output or "")
        rows.append([str(op["index"]), op["op"], op["name"], shown, _count(op.get("macs")), _count(op.get("weights"))])
    return lines + (["", *table(rows, right=(0, 4, 5))] if len(rows) > 1 else [])


def _shape(shape: Any) -> str:
    return "×".join(str(size) for size in shape) or "scalar"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
