"""Settings that every technique with fine-tuning has, so that none needs to know of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgebuild.config import fields
from edgebuild.errors import UsageError

DISTILL = "distill"
"""The one setting of these whose default a technique chooses, or that it does not have."""


@dataclass(frozen=True)
class Course:
    """How a fine-tuning goes."""

    distill: float = field(
        default=0.0,
        metadata={
            "help": "share of the loss that follows the model as it was loaded, instead of the labels "
            "(self-distillation), 0 to 1"
        },
    )
    validation: float = field(
        default=0.0,
        metadata={
            "help": "share of the training data that is kept aside, up to 0.5: after each epoch the loss on it is "
            "told, and the epoch with the least is kept"
        },
    )
    patience: int = field(
        default=0,
        metadata={"help": "epochs without a lesser loss on the samples kept aside after which training ends; 0: none"},
    )

    def __post_init__(self) -> None:
        if not 0 <= self.distill <= 1:
            raise ValueError(f"distill must lie between 0 and 1, not {self.distill:g}")
        if not 0 <= self.validation <= 0.5:
            raise ValueError(f"validation must lie between 0 and 0.5, not {self.validation:g}")
        if self.patience < 0:
            raise ValueError(f"patience must not be negative, not {self.patience}")


def known(distill: float | None) -> dict[str, tuple[Any, str]]:
    """The settings with default and help text, of a technique whose own default for ``distill`` is given.

    Args:
        distill: None for a technique that has no such setting.
    """
    found = {one.name: (one.default, one.metadata["help"]) for one in dataclasses.fields(Course)}
    own = {} if distill is None else {DISTILL: (distill, found[DISTILL][1])}
    return {**own, **{name: value for name, value in found.items() if name != DISTILL}}


def read(distill: float | None, values: Mapping[str, Any], place: str) -> Course:
    """The settings among ``values``.

    Args:
        distill: as for :func:`known`.

    Raises:
        UsageError: a value of the wrong type or out of range.
    """
    own = {key: value for key, value in values.items() if key in known(distill)}
    found: Course = fields.read(Course, {DISTILL: distill or 0.0, **own}, place)
    if found.patience and not found.validation:
        raise UsageError(
            place,
            "patience watches samples kept aside, and validation keeps none",
            "set validation, for example to 0.1",
        )
    return found
