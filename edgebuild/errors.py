"""What can go wrong, and the exit code of each: the only failures a user should ever see.

Every error names the *place* (a file, a line, a layer, a tool), the *rule* that was broken and
the *remedy*.  Exit codes are part of the product: documented in ``docs/exit-codes.md``, tested,
never renumbered.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of the command; the Makefile of a firmware project may branch on them."""

    OK = 0
    BUG = 1
    USAGE = 2
    BUDGET = 3
    UNSUPPORTED = 4
    MISMATCH = 5
    ACCURACY = 6
    TOOL = 7
    INTERRUPTED = 130


class EdgebuildError(Exception):
    """A failure with a place, a rule and a remedy.

    Args:
        place: where it happened, as the user would name it (``edgebuild.toml:7``, a layer, a tool).
        rule: what was expected and what was found instead, one sentence without a full stop.
        remedy: what to do about it, one sentence without a full stop.
        details: further lines, for example every unsupported operator of a model.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, place: str, rule: str, remedy: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(place, rule, remedy, details)
        self.place = place
        self.rule = rule
        self.remedy = remedy
        self.details = tuple(details)

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.rule}"]
        lines += [f"  {line}" for line in self.details]
        lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class UsageError(EdgebuildError):
    """The command line, the configuration or the model file cannot be used as given."""

    exit_code = ExitCode.USAGE


class BudgetError(EdgebuildError):
    """The model needs more flash or RAM than the target or the user allows."""

    exit_code = ExitCode.BUDGET


class UnsupportedError(EdgebuildError):
    """The target cannot run an operator of the model, or not in this form or version."""

    exit_code = ExitCode.UNSUPPORTED


class MismatchError(EdgebuildError):
    """The emulator's bytes differ from TFLite's, or the emulated program faulted."""

    exit_code = ExitCode.MISMATCH


class AccuracyError(EdgebuildError):
    """An accuracy gate does not hold."""

    exit_code = ExitCode.ACCURACY


class ToolError(EdgebuildError):
    """A program or package is missing, failed or ran out of time."""

    exit_code = ExitCode.TOOL
