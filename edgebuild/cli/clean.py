"""``edgebuild clean``: removes what a build wrote, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgebuild import config
from edgebuild.cli import _options

REPORT = "report.json"


@click.command()
@click.option("--config", "file", type=click.Path(), metavar="FILE", help="Instead of ./edgebuild.toml.")
@click.option("--output", "output", type=click.Path(), metavar="PATH", help="Folder to clean.")
@click.option("--cache", is_flag=True, help="Also forget every stored stage.")
@_options.talk
def command(file: str | None, output: str | None, cache: bool, **options: Any) -> None:
    """Remove the files that a build wrote into the output folder.

    A file is removed when the report.json beside it lists it and its content is still what was built;
    whatever else lies there stays.
    """
    console = _options.console(options)
    path = _options.settings_file({"file": file})
    given = {"output": output} if output else {}
    values = config.read(path, given).values
    folder = values.get("output") or (path.parent if path else Path()) / "build"
    removed: list[Path] = []
    kept: list[Path] = []
    for report in sorted(folder.glob(f"*/{REPORT}")) + sorted(folder.glob(REPORT)):
        gone, changed = sweep(report)
        removed += gone
        kept += changed
    if removed and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    for changed_file in kept:
        console.warn(f"{changed_file} was changed after the build and stays")
    freed = 0
    if cache:
        from edgebuild import cache as store

        freed = store.clear()
    if console.as_json:
        listed = {"removed": [str(f) for f in removed], "kept": [str(f) for f in kept], "cache_bytes": freed}
        console.object({"schema_version": 1, **listed})
    else:
        console.note(f"{folder}: removed {len(removed)} files")
        if cache:
            console.note(f"cache: freed {freed:,} bytes")


def sweep(report: Path) -> tuple[list[Path], list[Path]]:
    """Remove what ``report`` lists, it itself, and folders that are empty then.

    Returns:
        the files that were removed, and those that stay because their content has changed.
    """
    try:
        listed = json.loads(report.read_text("utf-8"))
        entries = [(str(entry["path"]), str(entry["sha256"])) for entry in listed["files"]]
        ours = "edgebuild" in listed and "schema_version" in listed
    except (ValueError, LookupError, TypeError):
        return [], []  # somebody else's report.json
    if not ours:
        return [], []
    import hashlib

    folder = report.parent.resolve()
    removed: list[Path] = []
    kept: list[Path] = []
    for name, digest in entries:
        file = folder / name
        if not file.resolve().is_relative_to(folder) or file.is_symlink() or not file.is_file():
            continue
        if hashlib.sha256(file.read_bytes()).hexdigest() == digest:
            file.unlink()
            removed.append(file)
        else:
            kept.append(file)
    report.unlink()
    removed.append(report)
    for inner in sorted({parent for file in removed for parent in file.parents}, reverse=True):
        if inner.is_relative_to(folder) and inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()
    return removed, kept
