"""``edgebuild check``: does it fit, can the target run it? Builds nothing."""

from __future__ import annotations

from typing import Any

import click

from edgebuild.cli import _options, _summary
from edgebuild.cli._several import each_target
from edgebuild.cli.console import Progress


@click.command()
@_options.describe_build
@_options.talk
def command(**options: Any) -> int:
    """Tell whether a model fits a target and uses only operators that it can run, without building."""
    console = _options.console(options)
    config = _options.request(options)
    from edgebuild import pipeline  # after the request: what is misspelt is told at once

    progress = Progress(console)

    def check(target: str) -> dict[str, Any]:
        try:
            report: dict[str, Any] = pipeline.check(config, target, progress).as_json()
        finally:
            progress.close()
        console.result(_summary.checked(report))
        return report

    return each_target(config.targets, check, console)
