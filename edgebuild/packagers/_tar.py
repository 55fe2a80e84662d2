"""Archives of a Linux bundle that are the same bytes each time: sorted, owned by root, one date."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable

from edgebuild.packagers import BundleFile


def date() -> int:
    """The date of every file: ``SOURCE_DATE_EPOCH``, or 1970 without it."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def tar_gz(top: str, files: Iterable[BundleFile], links: Iterable[tuple[str, str]] = ()) -> bytes:
    """A ``.tar.gz`` of ``files`` below ``top``, with an entry for each folder.

    Args:
        top: ``"."`` for a Debian package.
        links: path and what it points to.
    """
    plain = {f"{top}/{file.path}": file for file in files}
    pointing = {f"{top}/{path}": target for path, target in links}
    folders = {top} | {path[:end] for path in (*plain, *pointing) for end, c in enumerate(path) if c == "/"}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted({*plain, *pointing, *folders}):
            entry = tarfile.TarInfo(path)
            entry.mtime, entry.uname, entry.gname = date(), "root", "root"
            if path in plain:
                file = plain[path]
                entry.size, entry.mode = len(file.content), 0o755 if file.executable else 0o644
                archive.addfile(entry, io.BytesIO(file.content))
            elif path in pointing:
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, pointing[path], 0o777
                archive.addfile(entry)
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
    return gzip.compress(made.getvalue(), 9, mtime=0)
