"""Notes which files the user's own code reads, so that a later build can tell whether they changed.  Child only.

Python reports every ``open``, and so every import of a source file.  What a C library opens behind Python's back
(HDF5 does) goes unseen, unless :func:`note` is told of it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgebuild import cache

_paths: set[str] = set()
_made: set[str] = set()
_open_notes: list[bool] = []


@contextmanager
def noted() -> Iterator[None]:
    """Within it, opened files are noted; :func:`digests` has them all."""
    if not _open_notes:
        _open_notes.append(False)
        sys.addaudithook(_hook)
    before, _open_notes[0] = _open_notes[0], True
    try:
        yield
    finally:
        _open_notes[0] = before


def note(paths: Iterable[str]) -> None:
    """Count ``paths`` as read, those of them that are files."""
    _paths.update(os.path.abspath(path) for path in paths if Path(path).is_file())


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _open_notes[0] and isinstance(arguments[0], str | bytes):
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if flags & (os.O_TRUNC | os.O_EXCL):
            _made.update({path} - _paths)  # what the code writes and then reads is no input of the build
        elif flags & os.O_ACCMODE != os.O_WRONLY:
            _paths.add(path)


def digests() -> dict[str, str]:
    """Every noted file that is one and is not Python's own, with its sha256."""
    own = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    found = {}
    for path in sorted(_paths):
        source = _source(path)
        if source is None or not source.is_file() or str(source) in _made:
            continue
        if not str(source).startswith((*own, "/proc/", "/sys/", "/dev/")):
            found[str(source)] = cache.file_digest(source)
    return found


def _source(path: str) -> Path | None:
    """The source of a module that Python read from its bytecode cache; any other path as it is.

    The worker's KERAS_HOME, with its temporary files, is gone afterwards: what it only links to is named by its true
    place, the rest is None.
    """
    home = os.environ.get("KERAS_HOME", "")
    if home and path.startswith(home + os.sep):
        real = os.path.realpath(path)
        return None if real.startswith(os.path.realpath(home) + os.sep) else Path(real)
    if path.endswith(".pyc"):
        try:
            return Path(importlib.util.source_from_cache(path))
        except ValueError:
            pass
    return Path(path)
