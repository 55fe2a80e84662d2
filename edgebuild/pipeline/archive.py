"""Takes files out of packages: Debian's ``.deb`` and Python's ``.whl``, without the programs that make them."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from pathlib import Path

from edgebuild.errors import ToolError

_MAGIC = b"!<arch>\n"


def unpack_deb(package: Path, folder: Path, keep: re.Pattern[str], most: int = 0) -> None:
    """Unpack the files of ``package`` whose path matches ``keep`` below ``folder``; links stay links.

    Args:
        most: stop after so many; 0 takes all.

    Raises:
        ToolError: it is no Debian package, compressed in a way that is not known here, or writes beside ``folder``.
    """
    with package.open("rb") as file:
        name, length = _data(file, package)
        start = file.tell()
        if name.endswith(".zst"):
            raise ToolError(package.name, "is compressed with zstd, which cannot be read", "use Debian's own sources")
        with tarfile.open(fileobj=_Part(file, start, length), mode="r|*") as tar:
            # Filters came with Python 3.11.4, and Debian 12 has 3.11.2: what they would do is done here.
            tar.extraction_filter = lambda member, _: member
            taken = 0
            for member in tar:
                path = member.name.removeprefix("./")
                if not member.isdir() and keep.match(path):
                    _insist_inside(folder, path, package)
                    member.name, member.mode = path, member.mode & 0o755
                    (folder / path).unlink(missing_ok=True)  # a link there would be followed
                    tar.extract(member, folder)
                    taken += 1
                    if taken == most:
                        return


def _insist_inside(folder: Path, path: str, package: Path) -> None:
    if not (folder / path).parent.resolve().is_relative_to(folder.resolve()):
        raise ToolError(
            package.name,
            f"has a file that would lie outside of its folder: {path}",
            "use Debian's own sources",
        )


def read_wheel(wheel: Path, path: str) -> bytes:
    """One file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(path)


def read_first(wheel: Path, path: re.Pattern[str]) -> bytes:
    """The first file of a wheel whose path matches."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in sorted(archive.namelist()) if path.match(name)))


def unpack_wheel(wheel: Path, folder: Path, keep: re.Pattern[str]) -> None:
    """Unpack the files whose path matches ``keep`` below ``folder``."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if keep.match(name) and not name.endswith("/"):
                archive.extract(name, folder)


def _data(file: io.BufferedReader, package: Path) -> tuple[str, int]:
    """Name and length of the member that holds the files; ``file`` stands at its first byte."""
    if file.read(len(_MAGIC)) == _MAGIC:
        while len(header := file.read(60)) == 60:
            name, length = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            if name.startswith("data.tar"):
                return name, length
            file.seek(length + length % 2, io.SEEK_CUR)
    raise ToolError(package.name, "is not a Debian package", "try again; the download may have been cut off")


class _Part(io.RawIOBase):
    """A stretch of a file, as a file that can only be read on."""

    def __init__(self, file: io.BufferedReader, start: int, length: int) -> None:
        self._file, self._left = file, length
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content
