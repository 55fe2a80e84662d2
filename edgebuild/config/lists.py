"""Kinds of values that are lists: targets, plugins and the compression recipe."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import registry
from edgebuild.config import automatic, fields
from edgebuild.config.automatic import AutoSettings
from edgebuild.config.kinds import Kind, Wrong, absolute, shown, suggestion
from edgebuild.config.values import Step
from edgebuild.errors import UsageError


@dataclass(frozen=True)
class Targets(Kind):
    """Names of targets, or paths of the user's own profiles."""

    words = 'a list of targets such as ["cortex-m4"]'

    def read(self, value: Any, folder: Path) -> tuple[str, ...]:
        names = _strings(self, value)
        return tuple(str(absolute(name, folder)) if name.endswith(".toml") or "/" in name else name for name in names)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True)
class Plugins(Kind):
    """Names of plugins of one folder."""

    package: str
    what: str

    @property
    def words(self) -> str:
        return f"a list of {self.what}{'es' if self.what.endswith('s') else 's'}"

    def read(self, value: Any, folder: Path) -> tuple[str, ...]:
        known = registry.names(self.package)
        names = _strings(self, value)
        for index, name in enumerate(names):
            if name not in known:
                raise Wrong(f"there is no {self.what} '{name}'", suggestion(name, known, "known"), (index,))
        return names

    def schema(self) -> dict[str, Any]:
        items = {"enum": list(registry.names(self.package))}
        return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True)
class Recipe(Kind):
    """Compression steps in order; a ``quantize`` at the end names the precision."""

    words = "a list of steps such as { prune = { sparsity = 0.5 } }"

    def read(self, value: Any, folder: Path) -> tuple[Step, ...]:
        if value == automatic.NAME:
            value = [{automatic.NAME: {}}]
        if not isinstance(value, list):
            raise self.refuse(value)
        steps = []
        for index, one in enumerate(value):
            try:
                steps.append(self._step(one))
            except Wrong as wrong:
                raise Wrong(wrong.rule, wrong.remedy, (index,)) from None
            if len(steps) > 1 and steps[-2].technique == "quantize":
                raise Wrong("a step follows quantize", "let quantize be the last step", (index,))
            if len(steps) > 1 and automatic.NAME in (steps[-1].technique, steps[-2].technique):
                raise Wrong(
                    "auto chooses all steps, and another stands beside it", "let auto be the only one", (index,)
                )
        return tuple(steps)

    def _step(self, value: Any) -> Step:
        if not isinstance(value, dict) or len(value) != 1:
            raise Wrong(
                f"expected a table with one technique, found {shown(value)}",
                "write { prune = { sparsity = 0.5 } }",
            )
        ((technique, settings),) = value.items()
        if technique == "quantize":
            known = registry.names("edgebuild.convert")
            table = settings if isinstance(settings, dict) else {"precision": settings}
            precision = table.get("precision", "int8")
            if not isinstance(precision, str) or precision not in known:
                remedy = suggestion(str(precision), known, "known")
                raise Wrong(f"there is no precision {shown(precision)}", remedy)
            return Step(technique, {**table, "precision": precision})
        if technique == automatic.NAME and isinstance(settings, dict):
            try:
                read = fields.read(AutoSettings, settings, "auto")
            except UsageError as error:
                raise Wrong(f"{error.place}: {error.rule}", error.remedy) from None
            return Step(technique, dataclasses.asdict(read))
        known = registry.names("edgebuild.compress")
        if technique not in known:
            remedy = suggestion(technique, (*known, "quantize", automatic.NAME), "known")
            raise Wrong(f"there is no technique '{technique}'", remedy)
        if not isinstance(settings, dict):
            raise Wrong(
                f"expected a table of settings, found {shown(settings)}",
                f"write {{ {technique} = {{ … }} }}",
            )
        return Step(technique, settings)

    def schema(self) -> dict[str, Any]:
        techniques: dict[str, Any] = {name: {"type": "object"} for name in registry.names("edgebuild.compress")}
        precisions = {"enum": list(registry.names("edgebuild.convert"))}
        techniques["quantize"] = {"anyOf": [precisions, {"type": "object", "properties": {"precision": precisions}}]}
        techniques[automatic.NAME] = {"type": "object"}
        step = {
            "type": "object",
            "properties": techniques,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"type": ["array", "string"], "pattern": f"^{automatic.NAME}$", "items": step}


def _strings(kind: Kind, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
        raise kind.refuse(value)
    for index, name in enumerate(value):
        if name in value[:index]:
            raise Wrong(f"'{name}' is listed twice", "name each once", (index,))
    return tuple(value)
