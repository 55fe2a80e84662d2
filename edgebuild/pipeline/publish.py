"""Writes the bundle: whole or not at all, and nothing of the user's is lost.

Everything is written beside the output folder and then exchanged with it in one step.  A file whose
content has not changed keeps its time, so that make rebuilds no more than it must; ``<name>.mk``
always gets a new time: it is the witness that the build is up to date.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgebuild import cache
from edgebuild.artifacts import SourceFile
from edgebuild.errors import UsageError
from edgebuild.pipeline.request import REPORT

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def publish(files: Iterable[SourceFile], report: dict[str, Any], output: Path, witness: str) -> None:
    """Replace the content of ``output`` that an earlier build wrote by ``files`` and the report.

    Args:
        witness: path of the file that always gets a new time.

    Raises:
        UsageError: ``output`` is not a folder.
        ToolError: the disk is full or not writable; the old bundle is untouched.
    """
    insist_on_place(output)
    with cache.disk(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
        try:
            aside.chmod(0o755)
            for file in files:
                _write(aside / file.path, file.content)
            text = json.dumps(report, indent=1) + "\n"
            _write(aside / REPORT, text.encode())
            _keep_times(aside, output, witness)
            _swap(aside, output)
            _bring_back(aside, output)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def insist_on_place(output: Path) -> None:
    """Insist that no file is in the way of the folder ``output``; a build asks before it begins.

    Raises:
        UsageError: one is.
        ToolError: there can be no such folder.
    """
    with cache.disk(output):
        there = next((path for path in (output, *output.parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise UsageError(str(there), "is a file, and the bundle needs a folder", "choose another --output")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _keep_times(new: Path, old: Path, witness: str) -> None:
    for path in new.rglob("*"):
        before = old / path.relative_to(new)
        if not path.is_file() or not before.is_file() or path.relative_to(new).as_posix() == witness:
            continue
        if before.read_bytes() == path.read_bytes():
            status = before.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _swap(new: Path, old: Path) -> None:
    """Exchange both names; where the kernel or file system cannot do that at once, one after the other."""
    if not old.exists():
        new.rename(old)
        new.mkdir()
        return
    libc = ctypes.CDLL(None, use_errno=True)
    exchange = getattr(libc, "renameat2", None)
    if exchange is not None:
        if exchange(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE) == 0:
            return
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(old))
    parked = new.with_name(new.name + ".old")
    old.rename(parked)
    new.rename(old)
    parked.rename(new)


def _bring_back(old: Path, new: Path) -> None:
    """Move what an earlier build did not write, such as the user's object files, into the new folder."""
    try:
        ours = {file["path"] for file in json.loads((old / REPORT).read_text())["files"]} | {REPORT}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old)
        if path.is_dir() or name.as_posix() in ours or (new / name).exists():
            continue
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        path.rename(new / name)
