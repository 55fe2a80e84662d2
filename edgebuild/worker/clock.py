"""The stages of a worker: announced, measured, and how far each is.  Child only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgebuild.worker.events import Progress

Report = Callable[[Progress, float | None], None]

_SURE = 5.0
"""Seconds after which the time that is left can be told from the time that has gone."""


class Meter:
    """How far one stage is: called with the fraction that is done, 0 to 1."""

    def __init__(self, report: Report, name: str, text: str) -> None:
        self._report, self._name, self._text = report, name, text
        self._words, self._last, self._began = "", 0.0, time.monotonic()

    def __call__(self, fraction: float) -> None:
        """The stage has come so far."""
        if fraction - self._last >= 0.01 or fraction >= 1:  # a line for each sample would cost more than the sample
            self._last = fraction
            told = ", ".join(part for part in (self._text, self._words, self._left(fraction)) if part)
            self._report(Progress(self._name, told, min(fraction, 1.0)), None)

    def tell(self, words: str) -> None:
        """A few words that go with the fraction from now on."""
        self._words = words

    def _left(self, fraction: float) -> str:
        gone = time.monotonic() - self._began
        if gone < _SURE or not 0.01 <= fraction < 1:
            return ""
        seconds = gone * (1 - fraction) / fraction
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"


class Clock:
    """Announces stages and measures how long each took (``seconds``)."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, text: str, limit: float) -> Iterator[Meter]:
        """Within it, call what it gives with the fraction that is done.

        Args:
            limit: seconds after which the parent ends the worker.
        """
        self._report(Progress(name, text), limit)
        began = time.monotonic()
        yield Meter(self._report, name, text)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 3)
