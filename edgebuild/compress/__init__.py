"""Compression techniques: one plugin each, from tf_keras model to tf_keras model.

Settings are a frozen dataclass, so a wrong step is refused before anything slow begins; this module and the
plugins' own import TensorFlow only inside the functions that work on a model.
"""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from edgebuild import registry
from edgebuild.config import fields
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
        teacher: what the model as it was loaded answers to ``x``; None unless ``share`` is above 0.
        share: of the loss that follows ``teacher`` instead of ``y``, 0 to 1.
        open_model: reads another model file that a setting names, vetted as the user's own is, as a tf_keras model.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    place: str
    seed: int
    teacher: NDArray[Any] | None = None
    share: float = 0.0
    open_model: Callable[[str], Any] | None = None


class Technique(ABC, Generic[Chosen]):
    """One way to make a model smaller.

    The class variable ``Settings`` is a frozen dataclass whose fields have defaults and a ``help`` text in their
    metadata; its ``__post_init__`` raises ValueError for a value out of range.
    """

    Settings: ClassVar[type[Any]]
    trains: ClassVar[bool]
    """Whether it needs training data."""

    distill: ClassVar[float | None] = 0.0
    """Share of the fine-tuning's loss that follows the model as it was loaded, unless the step's ``distill`` says
    otherwise; None where the technique knows no such setting."""

    def undoes(self, settings: Chosen, earlier: str, before: Any) -> str:
        """Why this step would destroy what an earlier step did, as the end of a sentence; empty where it would not.

        Args:
            earlier: name of that step's technique.
            before: its settings.
        """
        return ""

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
            f"compression step {name!r}", "there is no such technique", fields.did_you_mean(name, names())
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
    share(name, values)
    for key, value in values.items():
        if key == DISTILL and _follows(find(name)):
            continue
        if key not in hints:
            raise UsageError(place, f"unknown setting {key!r}", fields.did_you_mean(key, tuple(hints)))
        checked[key] = fields.value(value, hints[key], f"{place}, {key}")
    try:
        return schema(**checked)
    except ValueError as error:
        raise UsageError(place, str(error), "change the setting") from error


def check_order(steps: Sequence[tuple[str, Any]]) -> None:
    """Refuse steps that destroy what an earlier one did.

    Args:
        steps: names and settings, in order.

    Raises:
        UsageError: with the reason and the order that makes sense.
    """
    for index, (name, chosen) in enumerate(steps):
        for earlier, before in steps[:index]:
            reason = find(name).undoes(chosen, earlier, before)
            if reason:
                raise UsageError(
                    f"compression step {name!r}",
                    f"comes after {earlier!r}, and {reason}",
                    "swap the two steps" if name == earlier else f"let {name!r} come before {earlier!r}",
                )


DISTILL = "distill"
"""A setting that every technique with fine-tuning has, so that none needs to know of it: see :func:`share`."""


_SHARE = "share of the loss that follows the model as it was loaded, instead of the labels (self-distillation), 0 to 1"


def share(name: str, values: Mapping[str, Any]) -> float:
    """Share of the loss of a step's fine-tuning that follows the model as it was loaded (self-distillation).

    Raises:
        UsageError: it is no number from 0 to 1.
    """
    technique = find(name)
    if not _follows(technique) or DISTILL not in values:
        return technique.distill or 0.0 if technique.trains else 0.0
    place = f"compression step {name!r}"
    value: float = fields.value(values[DISTILL], float, f"{place}, {DISTILL}")
    if not 0 <= value <= 1:
        raise UsageError(place, f"{DISTILL} must lie between 0 and 1, not {value:g}", "change the setting")
    return value


def _follows(technique: Technique[Any]) -> bool:
    return technique.trains and technique.distill is not None


def files(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Files that the settings ``values`` of technique ``name`` refer to, as they stand there."""
    marked = {field.name for field in dataclasses.fields(find(name).Settings) if field.metadata.get("file")}
    named = [value for key, value in values.items() if key in marked and isinstance(value, str)]
    return tuple(value for value in named if "." in value or "/" in value)  # else a name such as ds_cnn


def defaults(name: str) -> dict[str, tuple[Any, str]]:
    """Settings of technique ``name`` with default and help text, for documentation and schema."""
    technique = find(name)
    found = {
        field.name: (field.default, field.metadata.get("help", "")) for field in dataclasses.fields(technique.Settings)
    }
    return {**found, DISTILL: (technique.distill, _SHARE)} if _follows(technique) else found
