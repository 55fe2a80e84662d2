"""What a runner wrote, if it is to be trusted."""

from __future__ import annotations

import numpy as np

from edgebuild.codegen.board import Board
from edgebuild.errors import MismatchError


def outputs(board: Board, content: bytes, count: int, status: int, said: str, where: str) -> np.ndarray:
    """The outputs of ``count`` inferences, ``(count, bytes)``.

    Args:
        status: the runner's exit status, ``-N`` when signal N ended it.
        said: what it printed to stderr.

    Raises:
        MismatchError: it failed, crashed, or did not come to an end.
    """
    size = sum(port.bytes for port in board.interface.outputs)
    if status != 0 or len(content) != count * size:
        ended = f"with status {status}" if status >= 0 else f"by signal {-status}"
        raise MismatchError(
            f"{board.interface.name} on {where}",
            f"the runner ended {ended}, with {len(content) // size} of {count} outputs",
            "report this as a bug with the model; nothing was written",
            tuple(said.splitlines()[-10:]),
        )
    return np.frombuffer(content, np.uint8).reshape(count, size)
