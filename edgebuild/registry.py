"""Plugins are files: ``<folder>/<name>.py`` holds exactly one class that fulfils the folder's contract.

There is no list to edit and no decorator to remember.  Files whose name starts with an underscore
are a folder's private modules and not plugins.  :func:`names` imports nothing.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
from pathlib import Path
from typing import TypeVar

Contract = TypeVar("Contract")


@functools.cache
def names(package: str) -> tuple[str, ...]:
    """Public names of the plugins in ``package`` (``"edgebuild.ops"``), sorted, without importing any."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    found = pkgutil.iter_modules([str(Path(spec.origin).parent)])
    return tuple(sorted(m.name for m in found if not m.name.startswith("_") and not m.ispkg))


def find(package: str, name: str, contract: type[Contract]) -> type[Contract]:
    """The class of plugin ``name``: the one subclass of ``contract`` that its file defines.

    Raises:
        KeyError: there is no such plugin.
        TypeError: the file does not define exactly one.
    """
    if name not in names(package):
        raise KeyError(name)
    module = importlib.import_module(f"{package}.{name}")
    own = [
        c
        for c in vars(module).values()
        if inspect.isclass(c) and issubclass(c, contract) and c.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise TypeError(f"{module.__name__} must define exactly one {contract.__name__}, not {len(own)}")
    return own[0]
