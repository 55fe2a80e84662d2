"""From a trained model to a .tflite: one plugin a precision.

Imports TensorFlow only inside its functions; the worker process calls them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from edgebuild import registry

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Port:
    """An input of the model to convert: ``shape`` begins with batch 1, ``dtype`` is numpy's name."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Source:
    """What is converted, whoever made it: a function of TensorFlow tensors.

    Attributes:
        place: the model's name in messages.
        name: the Keras model's name, which prefixes its operations' names; empty without one.
        call: from one tensor an input to the list of output tensors.
        inputs: in the order of ``call``.
        layers: names of the Keras layers.
        variables: TensorFlow's variables behind ``call``.
    """

    place: str
    name: str
    call: Callable[..., list[Any]]
    inputs: tuple[Port, ...]
    layers: tuple[str, ...]
    variables: tuple[Any, ...]


class Precision(ABC):
    """One way to represent the model's numbers."""

    calibrates: ClassVar[bool]
    """Whether it needs calibration data."""

    borders: ClassVar[tuple[str, ...]]
    """Element types that inputs and outputs may have; the first is the default."""

    @abstractmethod
    def convert(
        self, source: Source, calibration: NDArray[Any] | None, io: str, progress: Callable[[float], None]
    ) -> bytes:
        """The .tflite.

        Args:
            calibration: ``(count, *input shape)`` of float32; None only where ``calibrates`` is False.
            io: one of ``borders``.
            progress: called with the fraction of the calibration that is done.

        Raises:
            UnsupportedError: the converter refuses an operator, or leaves it in float32.
        """


def names() -> tuple[str, ...]:
    """Public names of the precisions."""
    return registry.names(__name__)


def find(name: str) -> Precision:
    """The precision ``name``.

    Raises:
        KeyError: there is none.
    """
    return registry.find(__name__, name, Precision)()  # type: ignore[type-abstract]
