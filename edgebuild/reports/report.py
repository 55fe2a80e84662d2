"""``report.json`` as dataclasses: schema version 1, additive changes only.

Anything that was not measured is None, never guessed.  ``instructions`` are executed instructions
counted in QEMU; they are not cycles, and nothing here calls them milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Gate:
    """A condition and whether it holds."""

    name: str
    limit: float
    value: float | None
    ok: bool


@dataclass(frozen=True)
class Report:
    """Everything known about one build for one target; see ``docs/report.md`` for each field.

    Attributes:
        pruned: what became of pruned weights, layer by layer.
        unproven: sentences about what no emulator has shown.
        up_to_date: whether nothing had to be done; not part of the JSON.
    """

    edgebuild: str
    target: str
    model: Mapping[str, Any]
    flash: Mapping[str, int | None] | None = None
    ram: Mapping[str, Any] | None = None
    emulation: Mapping[str, Any] | None = None
    accuracy: Mapping[str, Any] | None = None
    compression: tuple[Mapping[str, Any], ...] = ()
    passes: tuple[Mapping[str, Any], ...] = ()
    pruned: tuple[Mapping[str, Any], ...] = ()
    gates: tuple[Gate, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Mapping[str, Any], ...] = ()
    seconds: Mapping[str, float] | None = None
    unproven: tuple[str, ...] = ()
    up_to_date: bool = False

    def as_json(self) -> dict[str, Any]:
        """The object of ``report.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "edgebuild": self.edgebuild,
            "target": self.target,
            "model": dict(self.model),
            "flash": _dict(self.flash),
            "ram": _dict(self.ram),
            "emulation": _dict(self.emulation),
            "accuracy": _dict(self.accuracy),
            "compression": [dict(step) for step in self.compression],
            "passes": [dict(one) for one in self.passes],
            "pruned": [dict(one) for one in self.pruned],
            "gates": [vars(gate) for gate in self.gates],
            "tools": dict(self.tools),
            "files": [dict(file) for file in self.files],
            "seconds": _dict(self.seconds),
            "unproven": list(self.unproven),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Report:
        """The report that :meth:`as_json` wrote; fields of a newer edgebuild are ignored."""
        return cls(
            edgebuild=found["edgebuild"],
            target=found["target"],
            model=found["model"],
            flash=found["flash"],
            ram=found["ram"],
            emulation=found["emulation"],
            accuracy=found["accuracy"],
            compression=tuple(found["compression"]),
            passes=tuple(found.get("passes", ())),
            pruned=tuple(found.get("pruned", ())),
            gates=tuple(Gate(**gate) for gate in found["gates"]),
            tools=found["tools"],
            files=tuple(found["files"]),
            seconds=found["seconds"],
            unproven=tuple(found.get("unproven", ())),
        )

    def with_files(self, files: tuple[Mapping[str, Any], ...]) -> Report:
        """The same report with the list of what was written."""
        return replace(self, files=files)


def _dict(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)
