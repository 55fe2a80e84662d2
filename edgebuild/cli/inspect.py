"""``edgebuild inspect``: shows operators, multiply-accumulates and memory of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edgebuild.cli import _options
from edgebuild.cli.console import table


@click.command()
@click.argument("model", type=click.Path())
@_options.json_only
def command(model: str, **options: Any) -> None:
    """Show the operators, multiply-accumulates and memory of MODEL."""
    from edgebuild import pipeline

    console = _options.console(options)
    found: dict[str, Any] = pipeline.inspect(Path(model)).as_json()
    if console.as_json:
        console.object(found)
    else:
        console.result(render(found))


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
