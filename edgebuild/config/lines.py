"""Finds the line of every key in a TOML text: ``tomllib`` gives values and forgets where they stood.

The text has been read by ``tomllib`` before, so it is valid; this only has to find its way through it.
"""

from __future__ import annotations

import bisect
import tomllib
from typing import Any

Path = tuple[str | int, ...]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def locate(text: str) -> dict[Path, int]:
    """Line (from 1) of every key and array element, by its path: ``("compress", "steps", 0, "prune")``."""
    return _Walk(text.replace("\r\n", "\n")).lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [i for i, character in enumerate(text) if character == "\n"]
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}  # arrays of tables, and the index of the last element
        table: Path = ()
        while self._to_content():
            if self.text.startswith("[[", self.at):
                self.at += 2
                table = self._header(self._key(), array=True)
                self.at += 2
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._header(self._key(), array=False)
                self.at += 1
            else:
                self._pair(table)

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, bisect.bisect_left(self.ends, self.at) + 1)

    def _blank(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def _to_content(self) -> bool:
        """Skip white space, line ends and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in " \t\n":
                self.at += 1
            else:
                return True
        return False

    def _header(self, parts: tuple[str, ...], *, array: bool) -> Path:
        path: Path = ()
        for part in parts[:-1]:
            path += (part,)
            self._note(path)
            path = self._inside(path)
        path += (parts[-1],)
        self._note(path)
        if array:
            self.arrays[path] = self.arrays.get(path, -1) + 1
        path = self._inside(path)
        self._note(path)
        return path

    def _inside(self, path: Path) -> Path:
        return path + (self.arrays[path],) if path in self.arrays else path

    def _key(self) -> tuple[str, ...]:
        """A key, dotted or not; stops behind it."""
        parts: list[str] = []
        while True:
            self._blank()
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                (part,) = tomllib.loads(f"{self.text[start : self.at]} = 0")
            else:
                while self.text[self.at] in _BARE:
                    self.at += 1
                part = self.text[start : self.at]
            parts.append(part)
            self._blank()
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _pair(self, table: Path) -> None:
        start = self.at
        parts = self._key()
        end, self.at = self.at, start
        path = table
        for part in parts:
            path += (part,)
            self._note(path)
        self.at = end + 1  # behind "="
        self._value(path)

    def _value(self, path: Path) -> None:
        self._blank()
        opening = self.text[self.at]
        if opening in "\"'":
            self._string()
        elif opening == "[":
            self._items(path, "]", keyed=False)
        elif opening == "{":
            self._items(path, "}", keyed=True)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _items(self, path: Path, closing: str, *, keyed: bool) -> None:
        """The elements of an array, or the pairs of an inline table, up to its end."""
        self.at += 1
        index = 0
        while self._to_content() and self.text[self.at] != closing:
            if self.text[self.at] == ",":
                self.at += 1
            elif keyed:
                self._pair(path)
            else:
                self._note(path + (index,))
                self._value(path + (index,))
                index += 1
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        while len(mark) == 3 and self.text[self.at : self.at + 1] == quote:  # a quote before the last three
            self.at += 1


def value_at(tree: Any, path: Path) -> Any:
    """What stands at ``path`` in the tree that ``tomllib`` made.

    Raises:
        LookupError: nothing does.
    """
    for part in path:
        if not isinstance(tree, dict | list):
            raise KeyError(part)
        tree = tree[part]  # type: ignore[index]
    return tree
