"""Zip archives that are the same bytes each time: sorted, one date, one mode."""

from __future__ import annotations

import io
import os
import struct
import time
import zipfile
from collections.abc import Mapping

_FIRST = (1980, 1, 1, 0, 0, 0)
"""The earliest date that the format knows."""


_HEADER_BYTES = 30
"""Of a file's own header, before its name."""

_ALIGNMENT = 0xD935
"""Type of the extra field by which Android's own tools shift a file to an address (apksig, ``zipalign``)."""


def zipped(files: Mapping[str, bytes], stored: tuple[str, ...] = (), aligned: Mapping[str, int] | None = None) -> bytes:
    """The archive of ``files`` by path.

    The date of every file is ``SOURCE_DATE_EPOCH``, or 1980 without it.

    Args:
        stored: endings of the names of files that are not compressed.
        aligned: of what number the place of a stored file's first byte is a multiple, by the name's ending.
    """
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    date = max(_FIRST, time.gmtime(epoch)[:6])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, date)
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if path.endswith(stored) and stored else zipfile.ZIP_DEFLATED
            for ending, page in (aligned or {}).items():
                if path.endswith(ending):
                    entry.extra = _padding(made.tell() + _HEADER_BYTES + len(path.encode()), page)
            archive.writestr(entry, content, compresslevel=9)
    return made.getvalue()


def _padding(at: int, page: int) -> bytes:
    """An extra field after which the data begins at a multiple of ``page``; ``at`` is where the field begins."""
    shortest = 6
    length = shortest + -(at + shortest) % page
    return struct.pack("<HHH", _ALIGNMENT, length - 4, page) + bytes(length - shortest)
