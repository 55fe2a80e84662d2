"""Target profiles from TOML: inherit, merge, check, explain.

A profile is one file, ``targets/NAME.toml``; ``inherits = "PARENT"`` names the file below it.  Files
whose name begins with an underscore are parents only.  A user's own profiles lie in ``./targets/``
or are given by path, and may inherit from those that ship with edgebuild.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import resources
from edgebuild.errors import UsageError
from edgebuild.target import _schema
from edgebuild.target.profile import Profile
from edgebuild.target.toml import Document, leaves, merge, suggest


@dataclass(frozen=True)
class Origin:
    """One value of a profile and the file that gave it, for ``targets show NAME --why``.

    Attributes:
        key: dotted (``memory.RAM.bytes``).
        value: as written in the file.
        place: ``file:line``.
    """

    key: str
    value: Any
    place: str


def default_search() -> tuple[Path, ...]:
    """Where profiles are looked for: ``./targets`` first, then those that ship with edgebuild."""
    own = Path("targets")
    shipped = resources.folder("targets")
    return (shipped,) if own.resolve() == shipped.resolve() else (own, shipped)


def names(search: Sequence[Path] | None = None) -> tuple[str, ...]:
    """Names of all targets, sorted; parents (``_NAME.toml``) are not among them."""
    folders = default_search() if search is None else search
    found = {file.stem for folder in folders for file in folder.glob("[!_]*.toml")}
    return tuple(sorted(found))


def load(name_or_path: str | Path, search: Sequence[Path] | None = None) -> Profile:
    """The profile called ``name_or_path``, or written in that file.

    Args:
        name_or_path: a name, or a path (anything with a slash, or ending in ``.toml``).
        search: folders to look in; :func:`default_search` by default.

    Raises:
        UsageError: there is no such target, or its file breaks a rule.
    """
    profile, also = _one(name_or_path, search)
    others = [_one(name, search)[0] for name in also]
    files = dict.fromkeys(file for other in (*others, profile) for file in other.files)
    return dataclasses.replace(
        profile, also=tuple(dataclasses.replace(other, files=()) for other in others), files=tuple(files)
    )


def explain(name_or_path: str | Path, search: Sequence[Path] | None = None) -> tuple[Origin, ...]:
    """Every value of a profile, in the order of its tables, and where it comes from.

    Raises:
        UsageError: as :func:`load`.
    """
    chain = _chain(name_or_path, search)
    merged = _merged(chain)
    _schema.profile(chain, merged)
    given = {key: document for document in chain for key, _ in leaves(document.data)}
    return tuple(Origin(".".join(key), value, given[key].place(key)) for key, value in leaves(merged))


def _one(name_or_path: str | Path, search: Sequence[Path] | None) -> tuple[Profile, tuple[str, ...]]:
    """A profile alone, and the names of those that go into its packages with it."""
    chain = _chain(name_or_path, search)
    merged = _merged(chain)
    return _schema.profile(chain, merged), tuple(merged.get("also", ()))


def _chain(name_or_path: str | Path, search: Sequence[Path] | None) -> tuple[Document, ...]:
    """The profile's file and its ancestors, the oldest first, all keys checked."""
    folders = tuple(default_search() if search is None else search)
    document = Document(_find(name_or_path, folders))
    chain = [document]
    while True:
        _schema.check(document)
        parent = document.data.get("inherits")
        if parent is None:
            return tuple(reversed(chain))
        # A file may carry its parent's name: ./targets/cortex-m4.toml inherits from the shipped one.
        candidates = [folder / f"{parent}.toml" for folder in (document.path.parent, *folders)]
        seen = {entry.path.resolve() for entry in chain}
        existing = [file for file in candidates if file.is_file()]
        path = next((file for file in existing if file.resolve() not in seen), None)
        if path is None:
            rule = f"inherits from itself through {parent!r}" if existing else f"no target {parent!r} to inherit from"
            known = {file.stem for folder in folders for file in folder.glob("*.toml")}
            remedy = "break the circle" if existing else suggest(parent, known)
            raise document.refuse(("inherits",), rule, remedy)
        document = Document(path)
        chain.append(document)


def _find(name_or_path: str | Path, folders: tuple[Path, ...]) -> Path:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise UsageError(text, "no such target file", "check the path, or name one of: edgebuild targets")
        return path
    if not text.startswith("_"):
        for folder in folders:
            if (folder / f"{text}.toml").is_file():
                return folder / f"{text}.toml"
    raise UsageError(f"target {text!r}", "no such target", suggest(text, names(folders)))


def _merged(chain: tuple[Document, ...]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for document in chain:
        merged = merge(merged, {key: value for key, value in document.data.items() if key != "inherits"})
    return merged
