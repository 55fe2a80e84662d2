"""Compression steps seen from the command: their settings are checked, and described, before anything slow."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any

from edgebuild import config
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from edgebuild.config import Config, Step


def check(build: Config) -> None:
    """Whether every step's settings are ones that its technique knows.

    Raises:
        UsageError: with the line of the step.
    """
    _check(build, build.steps, ())
    for target, own in build.overrides.items():
        _check(build, own.get("steps", ()), ("target", target))


def _check(build: Config, steps: tuple[Step, ...], below: tuple[str, ...]) -> None:
    for index, step in enumerate(steps):
        from edgebuild import compress  # only a build that compresses needs it

        try:
            compress.settings(step.technique, step.settings)
        except UsageError as error:
            where = config.place(build.file, (*below, "compress", "steps", index, step.technique))
            raise UsageError(where, f"{error.place}: {error.rule}", error.remedy) from None


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each technique's settings."""
    from edgebuild import compress

    return {name: _schema(compress.find(name).Settings) for name in compress.names()}


def _schema(settings: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(settings)
    properties = {
        field.name: {"description": field.metadata.get("help", ""), **_kind(hints[field.name])}
        for field in dataclasses.fields(settings)
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _kind(hint: Any) -> dict[str, Any]:
    """JSON Schema of values that a field with type ``hint`` takes in TOML."""
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):  # TOML has no null: a key is given, or it is not
        kinds = [_kind(one) for one in arguments if one is not type(None)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (tuple, list):
        return {"type": "array", "items": _kind(arguments[0])}
    return {"type": {bool: "boolean", int: "integer", float: "number", str: "string"}.get(hint, "object")}
