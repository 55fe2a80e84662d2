"""What a user's function gives, taken apart: an array for each of the model's inputs.  Child only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.errors import UsageError
from edgebuild.loaders import Input


def take(x: Any, inputs: Sequence[Input], place: str) -> list[NDArray[Any]]:
    """``x`` as one array for each input: the array itself, or what a dict, list or tuple has for the inputs.

    Raises:
        UsageError: it has something else.
    """
    if len(inputs) == 1:
        if isinstance(x, dict | tuple):
            raise UsageError(
                place,
                f"gives x as {_kind(x)}, but the model has one input",
                "give x, or (x, y), of arrays: of a dataset for example with .map(lambda one: (…, …))",
            )
        return [array(x, place)]
    names = [entry.name for entry in inputs]
    if isinstance(x, dict) and x.keys() == set(names):
        return [array(x[name], place) for name in names]
    if isinstance(x, list | tuple) and len(x) == len(names):
        return [array(one, place) for one in x]
    raise UsageError(
        place,
        f"gives x as {_kind(x)}, but the model has the inputs {', '.join(map(repr, names))}",
        "give x as a dict by these names, or as a list in this order; with labels (x, y)",
    )


def array(value: Any, place: str) -> NDArray[Any]:
    """``value`` as an array.

    Raises:
        UsageError: it is ragged.
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise UsageError(
            place, "gives what makes no array", "give x, or (x, y), of numbers", (str(error)[:300],)
        ) from error


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict of {', '.join(map(repr, value)) or 'nothing'}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return "one array"


def words(shape: tuple[Any, ...]) -> str:
    """``shape`` as Python writes it, of numbers and letters."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def of_input(entry: Input, inputs: Sequence[Input], place: str) -> str:
    """``place`` with the input's name, where the model has several."""
    return place if len(inputs) == 1 else f"{place}, input {entry.name!r}"
