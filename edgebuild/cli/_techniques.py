"""Compression steps seen from the command: their settings are checked, and described, before anything slow."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgebuild import config
from edgebuild.config import automatic
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from edgebuild.config import Config, Step


def check(build: Config) -> None:
    """Whether every step's settings are ones that its technique knows.

    Raises:
        UsageError: with the line of the step.
    """
    _check(build, build.steps, ())
    _check_precision(build, build.precision, build.quantization, ())
    for target, own in build.overrides.items():
        _check(build, own.get("steps", ()), ("target", target))
        if "precision" in own:
            _check_precision(build, own["precision"], own["quantization"], ("target", target))


def _check(build: Config, steps: tuple[Step, ...], below: tuple[str, ...]) -> None:
    read: list[tuple[str, Any]] = []
    for index, step in enumerate(steps):
        from edgebuild import compress  # only a build that compresses needs it

        if step.technique == automatic.NAME:
            continue  # read with the file
        try:
            read.append((step.technique, compress.settings(step.technique, step.settings)))
            compress.check_order(read)
        except UsageError as error:
            where = config.place(build.file, (*below, "compress", "steps", index, step.technique))
            raise UsageError(where, f"{error.place}: {error.rule}", error.remedy) from None


def _check_precision(build: Config, precision: str, values: Mapping[str, Any], below: tuple[str, ...]) -> None:
    if not values:
        return
    from edgebuild import compress, convert

    try:
        _, rest = convert.settings(precision, values)
        technique = convert.find(precision).technique
        if technique is not None:
            compress.settings(technique, rest)
    except UsageError as error:
        raise UsageError(
            config.place(build.file, (*below, "compress", "steps")), f"{error.place}: {error.rule}", error.remedy
        ) from None


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each technique's settings, and of ``auto``'s."""
    from edgebuild import compress

    found = {automatic.NAME: _schema(automatic.AutoSettings)}
    for name in compress.names():
        found[name] = _schema(compress.find(name).Settings)
        shared = _schema(compress.Course)["properties"]
        properties = found[name]["properties"]
        properties |= {key: shared[key] for key in compress.defaults(name) if key in shared and key not in properties}
    return found


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
