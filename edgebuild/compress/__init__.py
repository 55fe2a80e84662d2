"""Compression techniques: one plugin each, from tf_keras model to tf_keras model.

Settings are a frozen dataclass, so a wrong step is refused before anything slow begins; this module and the
plugins' own import TensorFlow only inside the functions that work on a model.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from edgebuild import registry
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Chosen = TypeVar("Chosen")


@dataclass(frozen=True, eq=False)
class Training:
    """Samples to fine-tune with.

    Attributes:
        x: ``(count, *input shape)``.
        y: integer labels ``(count,)``, or targets of the output's shape.
        place: the data's name in messages.
        seed: of the shuffling.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    place: str
    seed: int


class Technique(ABC, Generic[Chosen]):
    """One way to make a model smaller.

    The class variable ``Settings`` is a frozen dataclass whose fields have defaults and a ``help`` text in their
    metadata; its ``__post_init__`` raises ValueError for a value out of range.
    """

    Settings: ClassVar[type[Any]]
    trains: ClassVar[bool]
    """Whether it needs training data."""

    @abstractmethod
    def check(self, model: Any, settings: Chosen) -> None:
        """Refuse a tf_keras model on which it cannot work.

        Raises:
            UsageError: naming the layer.
        """

    @abstractmethod
    def apply(self, model: Any, training: Training | None, settings: Chosen, progress: Callable[[float], None]) -> Any:
        """The compressed model.

        Args:
            model: a tf_keras model, which may be changed or shared.
            training: None only where ``trains`` is False.
            progress: called with the fraction that is done, 0 to 1.
        """


def names() -> tuple[str, ...]:
    """Public names of the techniques."""
    return registry.names(__name__)


def find(name: str) -> Technique[Any]:
    """The technique ``name``.

    Raises:
        UsageError: there is none.
    """
    try:
        return registry.find(__name__, name, Technique)()  # type: ignore[type-abstract]
    except KeyError:
        raise UsageError(
            f"compression step {name!r}", "there is no such technique", _did_you_mean(name, names())
        ) from None


def settings(name: str, values: Mapping[str, Any]) -> Any:
    """The settings of technique ``name`` with ``values`` laid over its defaults.

    Raises:
        UsageError: an unknown setting, a value of the wrong type or out of range.
    """
    schema = find(name).Settings
    place = f"compression step {name!r}"
    hints = typing.get_type_hints(schema)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise UsageError(place, f"unknown setting {key!r}", _did_you_mean(key, tuple(hints)))
        checked[key] = _value(value, hints[key], f"{place}, {key}")
    try:
        return schema(**checked)
    except ValueError as error:
        raise UsageError(place, str(error), "change the setting") from error


def _value(value: Any, hint: Any, place: str) -> Any:
    """``value`` as the type ``hint``, where TOML's types allow it."""
    if typing.get_origin(hint) is types.UnionType:
        if value is None:
            return None
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    if hint is float and type(value) is int:
        return float(value)
    if typing.get_origin(hint) is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(hint)[0]
        return tuple(_value(item, inner, place) for item in value)
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise UsageError(place, f"{value!r} is not one of {', '.join(choices)}", _did_you_mean(str(value), choices))
        return value
    if type(value) is not hint:
        expected = getattr(hint, "__name__", "list")
        raise UsageError(place, f"{value!r} is not {_WORDS.get(expected, expected)}", "change the setting")
    return value


_WORDS = {"float": "a number", "int": "a whole number", "str": "text", "bool": "true or false", "tuple": "a list"}


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}"


def defaults(name: str) -> dict[str, tuple[Any, str]]:
    """Settings of technique ``name`` with default and help text, for documentation and schema."""
    return {
        field.name: (field.default, field.metadata.get("help", "")) for field in dataclasses.fields(find(name).Settings)
    }
