"""Reads TOML strictly: every complaint names the file and the line, and suggests what was meant."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgebuild.errors import UsageError

_TABLE = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_WORD = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_SIZE = re.compile(r"(\d+) ?(B|KiB|MiB|GiB)")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

Key = tuple[str, ...]


class Document:
    """A parsed TOML file that remembers on which line each key stands.

    Attributes:
        path: the file.
        data: its tables, as ``tomllib`` gives them.
    """

    def __init__(self, path: Path) -> None:
        """Read ``path``.

        Raises:
            UsageError: the file cannot be read or is not TOML.
        """
        self.path = path
        try:
            self._text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(str(path), f"cannot be read: {reason}", "check the path") from error
        try:
            self.data: dict[str, Any] = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.search(str(error))
            where = f"{path}:{found[1]}" if found else str(path)
            rule = _AT_LINE.sub("", str(error)).strip()
            raise UsageError(where, f"not valid TOML: {rule}", "correct the line") from error

    def place(self, key: Key) -> str:
        """``file:line`` of ``key``, or of the nearest table around it that can be found."""
        lines = _lines(self._text)
        while key:
            if key in lines:
                return f"{self.path}:{lines[key]}"
            key = key[:-1]
        return str(self.path)

    def refuse(self, key: Key, rule: str, remedy: str) -> UsageError:
        """The error for ``key``, ready to be raised."""
        return UsageError(self.place(key), rule, remedy)

    def unknown(self, key: Key, known: Iterable[str], what: str = "key") -> UsageError:
        """The error for a key that nobody reads, with the nearest one that somebody does."""
        return self.refuse(key, f"unknown {what} {'.'.join(key)!r}", suggest(key[-1], known))


def suggest(word: str, known: Iterable[str]) -> str:
    """A remedy: ``did you mean 'x'``, or the list of what there is."""
    import difflib

    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}"
    return f"use one of: {', '.join(known)}" if known else "remove it"


def size(value: object) -> int | None:
    """Bytes from an integer or from words (``"640 KiB"``); None if it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        return int(found[1]) * _UNITS[found[2]]
    return None


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``: tables merge, everything else, arrays too, replaces."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result


def leaves(data: Mapping[str, Any], prefix: Key = ()) -> Iterable[tuple[Key, Any]]:
    """Every value of ``data`` that is not a table, with its full key."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def _lines(text: str) -> dict[Key, int]:
    """Line of each key and table header, found by their shape; ``tomllib`` does not tell."""
    found: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _words(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_words(key[1])), number)
    return found


def _words(dotted: str) -> Key:
    return tuple(word.strip("\"'") for word in _WORD.findall(dotted))
