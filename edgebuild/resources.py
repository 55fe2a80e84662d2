"""Finds the data that ships with edgebuild: ``targets/`` and ``templates/``.

In a checkout (and in an editable install) they are the folders beside the package; in a wheel they
lie inside it.  Nothing else may know which of the two it is.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The data folder ``name``: ``"targets"`` or ``"templates"``.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    for parent in (_PACKAGE / "data", _PACKAGE.parent):
        candidate = parent / name
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"edgebuild's own folder {name!r} is missing; reinstall edgebuild")
