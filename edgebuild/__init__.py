"""edgebuild turns a trained model into a blob that an emulator has proven.

``edgebuild.build`` (see :mod:`edgebuild.api`) does what the command does; notebooks and sweeps use it.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``edgebuild.build``, imported when it is asked for: the command must start quickly."""
    if name == "build":
        return importlib.import_module("edgebuild.api").build
    raise AttributeError(f"module 'edgebuild' has no attribute {name!r}")
