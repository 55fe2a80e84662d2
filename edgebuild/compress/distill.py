"""Distillation: a small student learns to answer, and to see, as a larger teacher does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edgebuild.compress import Technique, Training
from edgebuild.errors import ToolError, UsageError

_PLACE = "compression step 'distill'"


@dataclass(frozen=True)
class DistillSettings:
    """Settings of ``distill``."""

    teacher: str | None = field(
        default=None, metadata={"help": "a model file; default: the model that comes into the step", "file": True}
    )
    student: str | None = field(
        default=None,
        metadata={
            "help": "one of edgebuild's architectures, or a model file; default: the model that comes into the step",
            "file": True,
        },
    )
    width: float = field(default=1.0, metadata={"help": "factor for the student's channels, 0.05 to 4"})
    temperature: float = field(default=4.0, metadata={"help": "how far the teacher's answers are flattened"})
    label_weight: float = field(
        default=0.3, metadata={"help": "share of the labels in the loss, the rest is the teacher's; 1: labels only"}
    )
    features: tuple[str, ...] = field(
        default=(),
        metadata={"help": 'layers whose outputs the student imitates too: "name", or "teacher\'s=student\'s"'},
    )
    match: Literal["hint", "attention", "gram"] = field(
        default="hint", metadata={"help": "how those are compared: by value, by place, or by likeness of the samples"}
    )
    feature_weight: float = field(default=1.0, metadata={"help": "weight of the features in the loss"})
    epochs: int = field(default=10, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=3e-3, metadata={"help": "of Adam"})

    def __post_init__(self) -> None:
        if not 0.05 <= self.width <= 4:
            raise ValueError(f"width must lie between 0.05 and 4, not {self.width:g}")
        if not self.temperature >= 1:
            raise ValueError(f"temperature must be at least 1, not {self.temperature:g}")
        if not 0 <= self.label_weight <= 1:
            raise ValueError(f"label_weight must lie between 0 and 1, not {self.label_weight:g}")
        if not self.feature_weight >= 0:
            raise ValueError(f"feature_weight must not be negative, not {self.feature_weight:g}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.teacher is None and self.student is None and self.width == 1:
            raise ValueError("needs a teacher, a student or a width other than 1")
        if self.student is not None and "." in self.student and self.width != 1:
            raise ValueError("width does not change a student that is a model file")


class Distill(Technique[DistillSettings]):
    """Soft labels, and optionally hints from inside."""

    Settings = DistillSettings
    trains = True
    distill = None

    def undoes(self, settings: DistillSettings, earlier: str, before: Any) -> str:
        if earlier == "distill" or (settings.student is None and settings.width == 1):
            return ""
        return "a student that starts anew knows nothing of it"

    def check(self, model: Any, settings: DistillSettings) -> None:
        if len(model.outputs) != 1:
            raise UsageError(_PLACE, f"the model has {len(model.outputs)} outputs; it knows one", "remove the step")
        if settings.student is not None and "." not in settings.student:
            _described(model, settings)

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: DistillSettings,
        progress: Callable[[float], None],
    ) -> Any:
        from edgebuild.compress import _features, _fine_tune, _teacher

        assert training is not None and training.open_model is not None, "a technique that trains is given data"
        teacher = model if settings.teacher is None else training.open_model(settings.teacher)
        _insist_on_shapes(teacher, model, "teacher")
        student = _student(model, training, settings)
        _insist_on_shapes(student, model, "student")
        layers = _features.pairs(settings.features, teacher, student)
        share = 1 - settings.label_weight
        # the answers are asked for once: the teacher may share layers with the student
        soft = _teacher.answers(lambda x: teacher(x, training=False), training.x) if share else None

        def around(trained: Any) -> Any:
            return _features.trainer(teacher, trained, layers, settings.match, settings.feature_weight)

        _fine_tune.fit(
            student,
            replace(training, teacher=soft, course=replace(training.course, distill=share)),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            temperature=settings.temperature,
            progress=progress,
            around=around if layers else None,
        )
        _insist_on_numbers(student)
        return student


def _student(model: Any, training: Training, settings: DistillSettings) -> Any:
    """Who learns; with its weights where it is the model itself, or a file, else freshly initialised."""
    from edgebuild.compress import _fine_tune, _width

    if settings.student is None:
        return model if settings.width == 1 else _width.scaled(model, settings.width)
    if "." in settings.student:
        assert training.open_model is not None
        return training.open_model(settings.student)
    from edgebuild import models

    net = _described(model, settings)
    softmax = _fine_tune.gives_probabilities(model, training) and _fine_tune.last_activation(model) != "sigmoid"
    return models.keras_model(net, softmax=softmax)


def _described(model: Any, settings: DistillSettings) -> Any:
    """The architecture that is named as student, for the model's task.

    Raises:
        UsageError: there is none, or not for such inputs and outputs.
    """
    from edgebuild import models

    assert settings.student is not None
    shapes, (outputs,) = _shapes(model)
    if len(shapes) > 1:
        raise UsageError(
            _PLACE,
            f"the student {settings.student!r} takes one input, and the model {len(shapes)}",
            "give a model file as student, or a width",
        )
    return models.describe(settings.student, shapes[0], outputs, settings.width)


def _shapes(model: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Of all inputs, and of the first output."""
    inputs, outputs = ([tuple(one.shape[1:]) for one in tensors] for tensors in (model.inputs, model.outputs[:1]))
    return inputs, outputs


def _insist_on_shapes(other: Any, model: Any, whose: str) -> None:
    """Teacher and student take and give what the model does.

    Raises:
        UsageError: one does not.
    """
    for what, theirs, ours in zip(("input", "output"), _shapes(other), _shapes(model), strict=True):
        if theirs != ours:
            raise UsageError(
                _PLACE,
                f"the {whose}'s {what} has the shape {_words(theirs)}, the model's {_words(ours)}",
                f"give a {whose} for the same task",
            )


def _words(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))


def _insist_on_numbers(student: Any) -> None:
    """The training has not blown up.

    Raises:
        ToolError: a weight is not finite.
    """
    import numpy as np

    for weight in student.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ToolError(
                "distill", f"the training diverged: {weight.name} is not finite", "use a smaller learning_rate"
            )
