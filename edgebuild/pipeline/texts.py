"""Files that several packages carry."""

from __future__ import annotations

from collections.abc import Mapping

from edgebuild import resources


def texts() -> Mapping[str, bytes]:
    """By file name: the licence of the kernels that edgebuild generates."""
    return {"LICENSE": (resources.folder("templates") / "packages" / "LICENSE").read_bytes()}
