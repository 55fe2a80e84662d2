"""Stage results stored by content: what was done once is not done again.

A result is a folder.  It is filled beside its place and renamed into it, so that it exists whole or not
at all, whatever is killed and whoever builds at the same time.  Keys are hashes of everything that the
result depends on.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from edgebuild.errors import ToolError

_REFUSED = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
}
"""What the operating system says when it will not write."""

_NO_PLACE = {errno.ENOENT, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
"""What it says of a folder that cannot be made: a file is in the way, or nothing can be there."""


def root() -> Path:
    """Where results are kept: ``$EDGEBUILD_CACHE``, else ``$XDG_CACHE_HOME/edgebuild`` or ``~/.cache/edgebuild``."""
    given = os.environ.get("EDGEBUILD_CACHE")
    if given:
        return Path(given).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).absolute() if base else Path.home() / ".cache") / "edgebuild"


def key(*parts: Any) -> str:
    """Hash of ``parts``: values, dataclasses, mappings and paths; paths count by name, not by content."""
    text = json.dumps(parts, default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest(content: bytes) -> str:
    """sha256 of ``content``."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file, or of every file below a folder with its relative name."""
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        return key([(p.relative_to(path).as_posix(), file_digest(p)) for p in inside])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return digest(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if hasattr(value, "items"):
        return dict(value.items())
    return str(value)


def find(stage: str, name: str) -> Path | None:
    """The folder of a stored result, or None."""
    place = root() / stage / name[:32]
    return place if place.is_dir() else None


def make(stage: str, name: str, work: Callable[[Path], None], *, reuse: bool = True) -> tuple[Path, bool]:
    """The result called ``name`` of ``stage``; ``work`` fills a folder when it is not there yet.

    Args:
        reuse: False does the work in any case and replaces a stored result.

    Returns:
        the folder, and whether it had been stored before.
    """
    stored = find(stage, name)
    if stored is not None and reuse:
        return stored, True
    place = root() / stage / name[:32]
    with scratch(stage) as folder, disk(place):
        work(folder)
        if place.is_dir():
            shutil.rmtree(place)
        try:
            folder.rename(place)
        except OSError:
            if not place.is_dir():  # somebody else may have been quicker with the same result
                raise
    return place, False


def forget(stage: str, name: str) -> None:
    """Remove a stored result."""
    shutil.rmtree(root() / stage / name[:32], ignore_errors=True)


@contextlib.contextmanager
def scratch(stage: str) -> Iterator[Path]:
    """An empty folder inside the cache, removed at the end unless it was renamed away."""
    parent = root() / stage
    with disk(parent):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".making-", dir=parent))
        folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def disk(place: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a clear error.

    Raises:
        ToolError: the operating system refused to write at ``place``.
    """
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
        if error.errno not in _REFUSED and (error.errno not in _NO_PLACE or named not in (place, *place.parents)):
            raise
        raise ToolError(
            str(place),
            f"cannot be written: {error.strerror or error}",
            "free some space or choose another folder (--output, or EDGEBUILD_CACHE for the cache)",
        ) from error


def clear() -> int:
    """Remove the whole cache; bytes that were freed."""
    place = root()
    if not place.is_dir():
        return 0
    freed = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
    shutil.rmtree(place)
    return freed
