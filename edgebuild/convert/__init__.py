"""From a trained model to a .tflite: one plugin a precision.

Imports TensorFlow only inside its functions; the worker process calls them.
"""

from __future__ import annotations

import dataclasses
import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from edgebuild import registry
from edgebuild.config import fields
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fed: TypeAlias = "NDArray[Any] | tuple[NDArray[Any], ...]"
"""Samples ``(count, *input shape)``; of a model with several inputs one array for each, in their order."""


def each(samples: Fed) -> tuple[NDArray[Any], ...]:
    """The samples of each input."""
    return samples if isinstance(samples, tuple) else (samples,)


def picked(samples: Fed, rows: Any) -> Fed:
    """Some of the samples: ``rows`` is whatever indexes an array's first axis."""
    return tuple(one[rows] for one in samples) if isinstance(samples, tuple) else samples[rows]


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


@dataclass(frozen=True)
class Plain:
    """Settings of a precision that has none."""


@dataclass(frozen=True, eq=False)
class Result:
    """A converted model.

    Attributes:
        content: the .tflite.
        facts: what was chosen and what it cost, for the report; JSON types.
    """

    content: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)


class Precision(ABC):
    """One way to represent the model's numbers.

    The class variable ``Settings`` is a frozen dataclass as a compression technique's is.
    """

    Settings: ClassVar[type[Any]] = Plain

    technique: ClassVar[str | None] = None
    """The compression technique that prepares a model for it."""

    calibrates: ClassVar[bool]
    """Whether it needs calibration data."""

    borders: ClassVar[tuple[str, ...]]
    """Element types that inputs and outputs may have; the first is the default."""

    quick: ClassVar[Mapping[str, Any]] = {}
    """Settings with which it chooses nothing: for a model of which only sizes are asked."""

    @abstractmethod
    def convert(
        self,
        source: Source,
        calibration: Fed | None,
        io: str,
        progress: Callable[[float], None],
        settings: Any = None,
    ) -> Result:
        """The .tflite.

        Args:
            calibration: in the element types of the inputs; None only where ``calibrates`` is False.
            io: one of ``borders``.
            settings: of the type ``Settings``; None: its defaults.
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


def settings(name: str, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The settings of precision ``name``, and what of ``values`` is for the technique that prepares a model for it.

    Raises:
        UsageError: an unknown setting of a precision without such a technique, a wrong type, out of range.
    """
    schema = find(name).Settings
    own = {field.name for field in dataclasses.fields(schema)}
    rest = {key: value for key, value in values.items() if key not in own}
    place = f"precision {name!r}"
    misspelt = [key for key in rest if difflib.get_close_matches(key, own, 1, 0.7)]
    if misspelt or (rest and find(name).technique is None):
        key = next(iter(misspelt or rest))
        remedy = fields.did_you_mean(key, tuple(sorted(own))) if own else "it has no settings"
        raise UsageError(place, f"unknown setting {key!r}", remedy)
    return fields.read(schema, {key: value for key, value in values.items() if key in own}, place), rest
