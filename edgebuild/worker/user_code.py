"""The user's own Python files: run as modules, and what they raise in the user's words.  Child only."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from edgebuild.errors import UsageError

_modules: dict[Path, Any] = {}


def module(path: Path, place: str, remedy: str = "mend the function") -> Any:
    """The file ``path`` as a module, run once; its own folder is importable, and no __pycache__ is left there.

    Raises:
        UsageError: it is not Python, or raises.
    """
    if path not in _modules:
        spec = importlib.util.spec_from_file_location(f"_user_{len(_modules)}_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise UsageError(place, "is not a Python file", "name a .py file")
        made = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = made  # dataclasses and pickle look there
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(made)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            raise raised(place, path, error, remedy) from error
        _modules[path] = made
    return _modules[path]


def raises_in(path: Path, error: BaseException) -> bool:
    """Whether ``error`` came out of the user's file ``path``; Keras may have put the traceback into its words."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.filename == str(path) for frame in frames) or f'File "{path}"' in str(error)


def raised(place: str, path: Path, error: BaseException, remedy: str = "mend the function") -> UsageError:
    """What the user's own code raised, with the lines of the traceback that lie in the user's file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in frames if frame.filename == str(path)
    ]
    if isinstance(error, SyntaxError):
        lines = [f"{path.name}:{error.lineno}: {(error.text or '').strip()}"]
    words = f"{type(error).__name__}: {error}".splitlines()[0][:300] if str(error) else type(error).__name__
    return UsageError(place, f"raised {words}", remedy, tuple(lines[-5:]))
