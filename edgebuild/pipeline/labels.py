"""The names of a model's classes."""

from __future__ import annotations

import math

from edgebuild.artifacts import Interface
from edgebuild.errors import UsageError
from edgebuild.pipeline.request import Request


def labels(interface: Interface, request: Request) -> tuple[str, ...]:
    """One name for each element of the first output; nothing when the user gave none.

    Raises:
        UsageError: the file cannot be read, or has another number of lines.
    """
    path = request.config.labels
    if path is None:
        return ()
    try:
        names = tuple(line.strip() for line in path.read_text("utf-8").strip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(str(path), f"cannot be read: {reason}", "check model.labels") from error
    port = interface.outputs[0]
    wanted = math.prod(port.shape)
    if len(names) != wanted:
        raise UsageError(
            str(path),
            f"has {len(names)} lines, and the model's first output has {wanted} elements ({port.name!r})",
            "give one line for each element, in their order",
        )
    return names
