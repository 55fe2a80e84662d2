"""Stages as the user sees them: started, under way, finished or taken from the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from edgebuild import cache


class Listener(Protocol):
    """Who is told what happens; the command shows progress, a notebook may ignore it."""

    def started(self, target: str, stage: str) -> None:
        """A stage begins."""

    def progress(self, target: str, stage: str, fraction: float, text: str) -> None:
        """A long stage is under way; ``fraction`` from 0 to 1."""

    def finished(self, target: str, stage: str, seconds: float, cached: bool) -> None:
        """A stage is over."""

    def warn(self, text: str) -> None:
        """Something that the user should know and that stops nothing."""


class Silent:
    """A listener for those who do not want to know."""

    def started(self, target: str, stage: str) -> None:
        """Ignored."""

    def progress(self, target: str, stage: str, fraction: float, text: str) -> None:
        """Ignored."""

    def finished(self, target: str, stage: str, seconds: float, cached: bool) -> None:
        """Ignored."""

    def warn(self, text: str) -> None:
        """Ignored."""


class Stages:
    """Runs stages for one target, tells the listener, and keeps the seconds."""

    def __init__(self, target: str, listener: Listener, *, use_cache: bool) -> None:
        self.target = target
        self.listener = listener
        self.use_cache = use_cache
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[list[bool]]:
        """A stage; what it yields is a list to which a cached result appends True."""
        self.listener.started(self.target, name)
        begin, hits = time.monotonic(), list[bool]()
        yield hits
        spent = time.monotonic() - begin
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)
        self.listener.finished(self.target, name, spent, bool(hits) and all(hits))

    def stored(self, name: str, key: str, work: Callable[[Path], None]) -> Path:
        """A stage whose result is a folder in the cache."""
        with self.stage(name) as hits:
            folder, hit = cache.make(name, key, work, reuse=self.use_cache)
            hits.append(hit)
        return folder

    def progress(self, name: str) -> Callable[[float, str], None]:
        """A function that reports progress of stage ``name``."""
        return lambda fraction, text: self.listener.progress(self.target, name, fraction, text)
