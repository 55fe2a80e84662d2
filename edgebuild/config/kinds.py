"""Kinds of values: how each is read, how a JSON Schema says it, and how a sentence does.

A kind that refuses raises :class:`Wrong`; the reader adds the place.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild.config.values import DataSource


class Wrong(Exception):
    """A value that is not of its kind: the rule that it broke, the remedy, and where inside the value."""

    def __init__(self, rule: str, remedy: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(rule, remedy, at)
        self.rule = rule
        self.remedy = remedy
        self.at = at


def suggestion(word: str, known: Iterable[str], what: str) -> str:
    """The remedy for an unknown ``word``: the nearest known one, or all of them."""
    import difflib  # only a failing build pays for it

    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"{what}: {', '.join(known)}" if known else f"{what}: none"


def shown(value: Any) -> str:
    """``value`` as a message quotes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else str(value)


def absolute(path: str, folder: Path) -> Path:
    """``path``, which is relative to ``folder``; symbolic links stay, as ``make`` knows them by name."""
    return Path(os.path.abspath(folder / path))


class Kind(ABC):
    """A kind of value.  ``words`` completes the sentence "expected …"."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is expected, for messages and the documentation."""

    @abstractmethod
    def read(self, value: Any, folder: Path) -> Any:
        """The value as the dataclasses hold it; relative paths start at ``folder``.

        Raises:
            Wrong: it is something else.
        """

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""

    def refuse(self, value: Any, remedy: str = "") -> Wrong:
        """What to raise for ``value``."""
        return Wrong(f"expected {self.words}, found {shown(value)}", remedy or f"write {self.words}")


@dataclass(frozen=True)
class Flag(Kind):
    """``true`` or ``false``."""

    words = "true or false"

    def read(self, value: Any, folder: Path) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Count(Kind):
    """A whole number."""

    low: int
    high: int

    @property
    def words(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def read(self, value: Any, folder: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise self.refuse(value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Fraction(Kind):
    """A number from 0 to 1."""

    words = "a fraction from 0 to 1"

    def read(self, value: Any, folder: Path) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(value)
        if 1 < value <= 100:
            raise self.refuse(value, f"{value:g} % is written {value / 100:g}")
        if not 0 <= value <= 1:
            raise self.refuse(value)
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True)
class Bytes(Kind):
    """A size in bytes."""

    words = 'a size in bytes such as 65536, "256K" or "1M"'
    pattern = r"^([0-9]+)\s*([KM]i?B?|B)?$"

    def read(self, value: Any, folder: Path) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        match = re.fullmatch(self.pattern, value) if isinstance(value, str) else None
        if match is None or int(match[1]) == 0:
            raise self.refuse(value)
        return int(match[1]) * {"": 1, "B": 1, "K": 1024, "M": 1024**2}[(match[2] or "")[:1]]

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": self.pattern}]}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def words(self) -> str:
        return " or ".join(f'"{option}"' for option in self.options)

    def read(self, value: Any, folder: Path) -> str:
        if not isinstance(value, str) or value not in self.options:
            remedy = suggestion(value, self.options, "possible") if isinstance(value, str) else ""
            raise self.refuse(value, remedy)
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True)
class Identifier(Kind):
    """A name that may prefix C symbols."""

    words = "a C identifier of letters, digits and underscores"
    pattern = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"

    def read(self, value: Any, folder: Path) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        if not re.fullmatch(self.pattern, value) or value in KEYWORDS:
            raise self.refuse(value, f'write "{identifier(value)}"')
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern}


KEYWORDS = frozenset(
    "asm auto bool break case char class const continue default delete do double else enum export extern "
    "false float for friend goto if inline int long main mutable namespace new operator private protected "
    "public register restrict return short signed sizeof static struct switch template this throw true try "
    "typedef typename union unsigned using virtual void volatile while".split()
)


def identifier(text: str) -> str:
    """``text`` (a file's name, say) turned into a C identifier: ``my-net v2`` becomes ``my_net_v2``."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:56] or "model"
    return f"model_{word}" if word[0].isdigit() or word in KEYWORDS else word


@dataclass(frozen=True)
class File(Kind):
    """A path."""

    words = "a path"

    def read(self, value: Any, folder: Path) -> Path:
        if not isinstance(value, str) or not value:
            raise self.refuse(value)
        return absolute(value, folder)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Script(Kind):
    """A Python file."""

    words = 'a Python file such as "layers.py"'

    def read(self, value: Any, folder: Path) -> Path:
        if not isinstance(value, str) or not value.endswith(".py"):
            raise self.refuse(value)
        return absolute(value, folder)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"\.py$"}


@dataclass(frozen=True)
class Data(Kind):
    """A source of samples."""

    words = '"file.npz", "folder/" with x.npy and y.npy, or "file.py:function"'

    def read(self, value: Any, folder: Path) -> DataSource:
        if not isinstance(value, str) or not value:
            raise self.refuse(value)
        file, colon, function = value.rpartition(":")
        if colon and file.endswith(".py"):
            if not function.isidentifier():
                raise self.refuse(value, "name a function behind the colon")
            return DataSource("python", absolute(file, folder), function)
        if value.endswith(".py"):
            raise self.refuse(value, f'name the function too: "{value}:function"')
        path = absolute(value, folder)
        if path.suffix == ".npz":
            return DataSource("npz", path)
        if path.suffix and not path.is_dir():
            raise self.refuse(value)
        return DataSource("npy", path)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}
