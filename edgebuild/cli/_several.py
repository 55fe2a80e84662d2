"""One job for every target of a build: when one fails the others still run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgebuild.cli.console import SCHEMA_VERSION, Console, describe
from edgebuild.errors import EdgebuildError


def each_target(targets: Sequence[str], job: Callable[[str], dict[str, Any]], console: Console) -> int:
    """Run ``job`` for every target and print the JSON object, if one is asked for.

    Args:
        job: does the work for a target, shows the result and returns its report.

    Returns:
        the exit code of the first failure, or 0.

    Raises:
        EdgebuildError: there is only one target, and it failed.
    """
    reports: list[dict[str, Any]] = []
    failures: list[tuple[str, EdgebuildError]] = []
    for target in targets:
        try:
            reports.append(job(target))
        except EdgebuildError as error:
            if len(targets) == 1:
                raise
            failures.append((target, error))
            console.complain(error, target)
    if console.as_json:
        console.object(reports[0] if len(targets) == 1 else together(reports, failures))
    return int(failures[0][1].exit_code) if failures else 0


def together(reports: list[dict[str, Any]], failures: Sequence[tuple[str, EdgebuildError]]) -> dict[str, Any]:
    """The reports of several targets and what failed, as one object."""
    result: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "reports": reports}
    if failures:
        errors = [{"target": target, **describe(error)} for target, error in failures]
        result |= {"error": errors[0], "errors": errors}
    return result
