"""``edgebuild build``: builds and proves a model; what edgebuild does without a verb."""

from __future__ import annotations

from typing import Any

import click

from edgebuild.cli import _options, _summary
from edgebuild.cli._several import each_target
from edgebuild.cli.console import Progress


@click.command()
@_options.describe_build
@click.option("--no-cache", is_flag=True, help="Do every stage anew.")
@_options.talk
def command(no_cache: bool, **options: Any) -> int:
    """Compress, convert, generate, compile, prove and package a model.

    Several --target build one after the other; when one fails the others still run, and the exit code
    is that of the first failure.
    """
    console = _options.console(options)
    config = _options.request(options)
    from edgebuild import pipeline  # after the request: what is misspelt is told at once

    progress = Progress(console)

    def build(target: str) -> dict[str, Any]:
        try:
            made = pipeline.build(config, target, progress, use_cache=not no_cache)
        finally:
            progress.close()
        report: dict[str, Any] = made.as_json()
        console.result(_summary.built(report, up_to_date=made.up_to_date, verbose=console.verbose))
        return report

    return each_target(config.targets, build, console)
