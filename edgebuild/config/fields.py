"""Settings of plugins: frozen dataclasses whose fields have defaults, types that TOML knows, and a help text."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from edgebuild.errors import UsageError


def read(schema: type[Any], values: Mapping[str, Any], place: str) -> Any:
    """The dataclass ``schema`` with ``values`` laid over its defaults.

    Args:
        place: whose settings they are, for messages.

    Raises:
        UsageError: an unknown setting, a value of the wrong type or out of range.
    """
    hints = typing.get_type_hints(schema)
    checked: dict[str, Any] = {}
    for key, given in values.items():
        if key not in hints:
            raise UsageError(place, f"unknown setting {key!r}", did_you_mean(key, tuple(hints)))
        checked[key] = value(given, hints[key], f"{place}, {key}")
    try:
        return schema(**checked)
    except ValueError as error:
        raise UsageError(place, str(error), "change the setting") from error


def value(given: Any, hint: Any, place: str) -> Any:
    """``given`` as the type ``hint``, where TOML's types allow it.

    Raises:
        UsageError: they do not.
    """
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if given is None:
            return None
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        words = [word for kind in kinds if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)]
        if given in words:
            return given
        hint = next(kind for kind in kinds if typing.get_origin(kind) is not typing.Literal)
    if hint is float and type(given) is int:
        return float(given)
    if typing.get_origin(hint) is tuple and isinstance(given, list | tuple):
        inner = typing.get_args(hint)[0]
        return tuple(value(item, inner, place) for item in given)
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
        if given not in choices:
            raise UsageError(place, f"{given!r} is not one of {', '.join(choices)}", did_you_mean(str(given), choices))
        return given
    if type(given) is not hint:
        expected = getattr(hint, "__name__", "list")
        raise UsageError(place, f"{given!r} is not {_WORDS.get(expected, expected)}", "change the setting")
    return given


_WORDS = {"float": "a number", "int": "a whole number", "str": "text", "bool": "true or false", "tuple": "a list"}


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """The remedy for an unknown ``word``."""
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}"
