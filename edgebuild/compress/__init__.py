"""Compression techniques: one plugin each, from tf_keras model to tf_keras model.

Settings are a frozen dataclass, so a wrong step is refused before anything slow begins; this module and the
plugins' own import TensorFlow only inside the functions that work on a model.
"""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from edgebuild import registry
from edgebuild.compress import _course
from edgebuild.compress._course import Course as Course
from edgebuild.config import fields
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Chosen = TypeVar("Chosen")


def _silent(words: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, eq=False)
class Fed:
    """What a model is fed, sample by sample; indexed by samples it is what Keras takes.

    Attributes:
        arrays: of each input ``(count, *input shape)``.
    """

    arrays: tuple[NDArray[Any], ...]

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, rows: Any) -> Any:
        """The samples ``rows``, a slice or numbers: an array, or a list of one for each input."""
        chosen = [array[rows] for array in self.arrays]
        return chosen[0] if len(chosen) == 1 else chosen

    def take(self, rows: Any) -> Fed:
        """Only the samples ``rows``."""
        return Fed(tuple(array[rows] for array in self.arrays))


@dataclass(frozen=True, eq=False)
class Training:
    """Samples to fine-tune with.

    Attributes:
        x: of all inputs.
        y: integer labels ``(count,)``, or targets of the output's shape.
        place: the data's name in messages.
        seed: of the shuffling.
        course: settings of the step's fine-tuning.
        teacher: what the model as it was loaded answers to ``x``; None unless ``course.distill`` is above 0.
        loss, metric: the user's own functions of labels and outputs, as Keras takes them; None: what suits the output.
        open_model: reads another model file that a setting names, vetted as the user's own is, as a tf_keras model.
        tell: takes a few words on how the fine-tuning goes.
    """

    x: Fed
    y: NDArray[Any]
    place: str
    seed: int
    course: Course = field(default_factory=Course)
    teacher: NDArray[Any] | None = None
    loss: Callable[[Any, Any], Any] | None = None
    metric: Callable[[Any, Any], Any] | None = None
    open_model: Callable[[str], Any] | None = None
    tell: Callable[[str], None] = _silent


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
    course(name, values)
    shared = _shared(find(name))
    for key, value in values.items():
        if key in shared:
            continue
        if key not in hints:
            raise UsageError(place, f"unknown setting {key!r}", fields.did_you_mean(key, (*hints, *shared)))
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


def course(name: str, values: Mapping[str, Any]) -> Course:
    """How a step's fine-tuning goes: the settings among ``values`` that all techniques share.

    Raises:
        UsageError: a value of the wrong type or out of range.
    """
    technique = find(name)
    if not technique.trains:
        return Course()
    return _course.read(technique.distill, values, f"compression step {name!r}")


def _shared(technique: Technique[Any]) -> dict[str, tuple[Any, str]]:
    """Settings of all techniques that train, with default and help text."""
    return _course.known(technique.distill) if technique.trains else {}


def files(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Files that the settings ``values`` of technique ``name`` refer to, as they stand there."""
    marked = {one.name for one in dataclasses.fields(find(name).Settings) if one.metadata.get("file")}
    named = [value for key, value in values.items() if key in marked and isinstance(value, str)]
    return tuple(value for value in named if "." in value or "/" in value)  # else a name such as ds_cnn


def defaults(name: str) -> dict[str, tuple[Any, str]]:
    """Settings of technique ``name`` with default and help text, for documentation and schema."""
    technique = find(name)
    found = {
        field.name: (field.default, field.metadata.get("help", "")) for field in dataclasses.fields(technique.Settings)
    }
    return {**found, **_shared(technique)}
