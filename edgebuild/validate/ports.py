"""How the values of a model's inputs or outputs lie side by side in the bytes of one vector."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgebuild.artifacts import Port


def pack(ports: Sequence[Port], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors that hold ``arrays``, one of shape ``(count, elements)`` for each port.

    Returns:
        array ``(count, bytes of all ports)`` of uint8.
    """
    typed = [np.ascontiguousarray(a, np.dtype(port.dtype)) for port, a in zip(ports, arrays, strict=True)]
    flat = [a.reshape(len(a), math.prod(a.shape[1:])).view(np.uint8) for a in typed]
    return np.concatenate(flat, axis=1)


def unpack(ports: Sequence[Port], vectors: np.ndarray, position: int) -> np.ndarray:
    """The elements of port ``position`` in ``vectors``, array ``(count, elements)`` of its type."""
    start = sum(port.bytes for port in ports[:position])
    port = ports[position]
    part = np.ascontiguousarray(vectors[:, start : start + port.bytes])
    return part.view(np.dtype(port.dtype))
