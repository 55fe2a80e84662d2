"""Reads a Keras HDF5 file without Keras: attributes, and whether all its data lies inside the file."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from edgebuild.errors import ToolError, UsageError

MAGIC = b"\x89HDF\r\n\x1a\n"
DAMAGED = "is damaged or cut off: it cannot be read as {format}"
REMEDY = "save or copy the model again"


def open_file(file: Any, place: str) -> Any:
    """``h5py.File`` on a path or a binary file object.

    Raises:
        ToolError: h5py is not installed.
        UsageError: damaged.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ModuleNotFoundError as missing:
        raise ToolError(
            "h5py", "not installed; needed to read Keras models", "pip install 'edgebuild[tensorflow]'"
        ) from missing
    try:
        return h5py.File(file, "r")
    except (OSError, RuntimeError) as error:
        raise UsageError(place, DAMAGED.format(format="HDF5"), REMEDY, (str(error),)) from error


def refuse_outside_data(group: Any, place: str) -> None:
    """Refuse links, virtual and external datasets: they would read other files into the model.

    Raises:
        UsageError: naming the first such object.
    """
    for name in group:
        link = group.get(name, getlink=True)
        kind = type(link).__name__
        path = f"{group.name.rstrip('/')}/{name}"
        if kind != "HardLink":
            raise _outside(place, path, f"an {kind}" if kind == "ExternalLink" else f"a {kind}")
        item = group[name]
        if hasattr(item, "keys"):
            refuse_outside_data(item, place)
        elif item.is_virtual or item.external:
            raise _outside(place, path, "a dataset whose values lie in another file")


def _outside(place: str, path: str, what: str) -> UsageError:
    return UsageError(place, f"{path} is {what}; a model must hold all its data itself", "save the model again")


def text(value: Any) -> str:
    """An attribute as text; old files hold bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def parse(raw: bytes | str, place: str, what: str) -> Any:
    """JSON from the file.

    Raises:
        UsageError: it is not JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError(place, f"its {what} is not readable JSON", REMEDY) from error


def head(path: Path, count: int) -> bytes:
    """The first ``count`` bytes of a file; none of a folder."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(count)
