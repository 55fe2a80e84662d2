"""The only module that prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebuild.errors import EdgebuildError, ExitCode

QUIET_SECONDS = 10.0  # between two progress lines when stderr is no terminal
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Console:
    """Where a verb's words go.

    Attributes:
        as_json: results and failures are one JSON object on stdout; tables are not shown.
        quiet: no progress, no tables; warnings and errors remain.
        verbose: also cached stages and per-operator figures.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def result(self, lines: Sequence[str] | str) -> None:
        """Text that was asked for."""
        if not self.as_json and not self.quiet:
            self.text(lines if isinstance(lines, str) else "\n".join(lines))

    def text(self, text: str) -> None:
        """Text that is the very purpose of the verb: ``-q`` does not silence it."""
        print(text.rstrip("\n"))

    def object(self, value: Mapping[str, Any]) -> None:
        """The one JSON object of ``--json``."""
        print(json.dumps(value, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        """How the work goes on."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Something that the user should know; never silenced."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    def complain(self, error: EdgebuildError, target: str | None = None) -> None:
        """A failure as text on stderr; with ``target`` when it is one of several."""
        print(f"error: {target}: {error}" if target else f"error: {error}", file=sys.stderr, flush=True)

    def failure(self, error: EdgebuildError) -> None:
        """The failure that ends the command."""
        self.complain(error)
        if self.as_json:
            self.object({"schema_version": SCHEMA_VERSION, "error": describe(error)})

    def interrupted(self) -> None:
        """The user or the system ended the command."""
        print("interrupted", file=sys.stderr, flush=True)
        if self.as_json:
            error = {"exit_code": int(ExitCode.INTERRUPTED), "place": "edgebuild", "rule": "interrupted"}
            self.object(
                {
                    "schema_version": SCHEMA_VERSION,
                    "error": {**error, "remedy": "run it again", "details": []},
                }
            )


def describe(error: EdgebuildError) -> dict[str, Any]:
    """A failure as ``--json`` shows it."""
    return {
        "exit_code": int(error.exit_code),
        "place": error.place,
        "rule": error.rule,
        "remedy": error.remedy,
        "details": list(error.details),
    }


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows as aligned lines; the first row is the heading, columns in ``right`` are set flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


class Progress:
    """Follows a build (``pipeline.Listener``): a bar on a terminal, a few lines in a log."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = sys.stderr.isatty() and not console.quiet
        self._bar: Any = None
        self._said = time.monotonic()

    def started(self, target: str, stage: str) -> None:
        """A stage begins."""
        self._said = time.monotonic()
        if self.live:
            self._show(target, stage, 0.0, "")

    def progress(self, target: str, stage: str, fraction: float, text: str) -> None:
        """A stage has come as far as ``fraction`` (0 to 1)."""
        if self.live:
            self._show(target, stage, fraction, text)
        elif time.monotonic() - self._said >= QUIET_SECONDS:
            self._said = time.monotonic()
            self.console.note(f"{target}: {stage} {fraction:.0%} {text}".rstrip())

    def finished(self, target: str, stage: str, seconds: float, cached: bool) -> None:
        """A stage is done."""
        self.close()
        if not cached:
            self.console.note(f"{target}: {stage} {seconds:.1f} s")
        elif self.console.verbose:
            self.console.note(f"{target}: {stage} reused")

    def warn(self, text: str) -> None:
        """Something that the user should know."""
        self.close()
        self.console.warn(text)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, target: str, stage: str, fraction: float, text: str) -> None:
        from tqdm import tqdm  # only a terminal pays for it

        if self._bar is None:
            form = "{desc} {percentage:3.0f}% |{bar:24}| {elapsed}{postfix}"
            self._bar = tqdm(total=1.0, bar_format=form, leave=False, file=sys.stderr, dynamic_ncols=True)
        self._bar.set_description_str(f"{target}: {stage}", refresh=False)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.n = min(max(fraction, 0.0), 1.0)
        self._bar.refresh()
