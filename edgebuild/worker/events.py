"""What the worker process reports: one JSON object a line on a pipe of its own.

``{"event": "stage", "stage": "load", "fraction": 0.0, "limit": 120}``, ``{"event": "error", …}``,
``{"event": "done"}``.  What TensorFlow prints goes to a log file and never into this stream.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgebuild import errors
from edgebuild.errors import EdgebuildError


@dataclass(frozen=True)
class Progress:
    """How far the worker is.

    Attributes:
        stage: ``inspect``, ``start``, ``load``, ``data``, ``measure``, ``convert`` or a technique's name.
        text: the same in words, for a progress bar.
        fraction: 0 to 1 within the stage; None while it cannot be told.
    """

    stage: str
    text: str
    fraction: float | None = None


def stage(progress: Progress, limit: float | None) -> str:
    """The line for ``progress``; ``limit`` seconds from now on, or unchanged when None."""
    return json.dumps(
        {
            "event": "stage",
            "stage": progress.stage,
            "text": progress.text,
            "fraction": progress.fraction,
            "limit": limit,
        }
    )


def done() -> str:
    """The last line of a worker that has written all its files."""
    return json.dumps({"event": "done"})


def error(failure: EdgebuildError) -> str:
    """The line for ``failure``."""
    return json.dumps(
        {
            "event": "error",
            "class": type(failure).__name__,
            "exit_code": int(failure.exit_code),
            "place": failure.place,
            "rule": failure.rule,
            "remedy": failure.remedy,
            "details": list(failure.details),
        }
    )


def to_error(event: dict[str, Any]) -> EdgebuildError:
    """The very exception that the worker met."""
    kind = getattr(errors, event["class"])
    if not issubclass(kind, EdgebuildError):
        raise TypeError(f"{event['class']} is not one of edgebuild's errors")
    failure: EdgebuildError = kind(event["place"], event["rule"], event["remedy"], tuple(event["details"]))
    return failure
