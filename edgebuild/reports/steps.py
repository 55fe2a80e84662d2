"""What each compression step cost and bought, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BEGIN = "(your model)"
"""How the row before the first step is called."""

_COLUMNS = {
    "accuracy": ("accuracy", ".2%"),
    "zeros": ("zeros", ".0%"),
    "parameters": ("parameters", ","),
    "macs": ("MACs", ","),
    "bytes": (".tflite", ","),
    "flash": ("flash", ","),
    "ram": ("RAM", ","),
    "instructions": ("instructions", ","),
}
"""Heading and format of each figure that a row may have."""


def table(compression: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A heading, a row for the model as it was, and one a step; nothing without steps.

    Columns of which nothing is known are left out.

    Args:
        compression: the report's entries; the conversion's is not a step here.
    """
    states = _states(compression)
    if not states:
        return []
    known = [key for key in _COLUMNS if any(state.get(key) is not None for _, state in states)]
    rows = [["", *(_COLUMNS[key][0] for key in known)]]
    return rows + [[name, *(_cell(state.get(key), _COLUMNS[key][1]) for key in known)] for name, state in states]


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def unmeasured(compression: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the target's figures of a step's model are missing, a sentence each."""
    return [f"{name}: {state['unmeasured']}" for name, state in _states(compression) if state.get("unmeasured")]


def _states(compression: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """What there was to begin with, and behind each step."""
    steps = [step for step in compression if step["technique"] != "quantize"]
    begin = [(BEGIN, steps[0]["before"])] if steps else []
    return [*begin, *((step["technique"], step["after"]) for step in steps)]
