"""The expected side of every comparison, one file an oracle.

``tflm`` decides: TFLite Micro's own interpreter with its reference kernels.  ``litert`` (BUILTIN_REF)
is the second opinion, ``numpy`` evaluates edgebuild's own definitions.  Never a default LiteRT
interpreter: its XNNPACK kernels differ by up to 94 units on real models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from edgebuild import registry
from edgebuild.ir.graph import Graph

ORDER = ("tflm", "litert", "numpy")
"""Who decides, best first, of those that are installed."""


class Oracle(ABC):
    """Contract of every file in this folder."""

    @abstractmethod
    def available(self) -> bool:
        """Whether its package is installed here."""

    @abstractmethod
    def run(self, content: bytes, graph: Graph, inputs: np.ndarray) -> np.ndarray:
        """Outputs of a model, byte by byte.

        Args:
            content: the ``.tflite`` whose inputs and outputs are those of ``graph``.
            graph: the same model.
            inputs: ``(count, bytes of all inputs)`` uint8.

        Returns:
            ``(count, bytes of all outputs)`` uint8.
        """


def names() -> tuple[str, ...]:
    """Public names of all oracles."""
    return registry.names(__name__)


def find(name: str) -> Oracle:
    """The oracle called ``name``."""
    return registry.find(__name__, name, Oracle)()  # type: ignore[type-abstract]


def best() -> str:
    """Name of the first oracle of :data:`ORDER` that is installed; ``numpy`` always is."""
    return next(name for name in ORDER if find(name).available())


def split(row: np.ndarray, graph: Graph) -> list[np.ndarray]:
    """One vector of input bytes as typed arrays, one per input of the graph."""
    arrays, position = [], 0
    for index in graph.inputs:
        tensor = graph.tensors[index]
        chunk = row[position : position + tensor.bytes]
        arrays.append(chunk.view(tensor.dtype.numpy).reshape(tensor.shape))
        position += tensor.bytes
    return arrays


def join(arrays: list[np.ndarray]) -> np.ndarray:
    """Typed outputs as one row of bytes."""
    return np.concatenate([np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in arrays])
