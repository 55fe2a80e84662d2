"""Accuracy by which ``auto`` chooses: on samples kept aside, with what chance does to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgebuild import cache
from edgebuild.artifacts import Interface, Port
from edgebuild.config import Gates
from edgebuild.errors import UsageError
from edgebuild.pipeline import answer
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Stages
from edgebuild.validate import accuracy as answers
from edgebuild.validate import vectors

if TYPE_CHECKING:
    from edgebuild.pipeline.model import Model

DROP = 0.01
"""Accuracy that may be lost where no gate says it."""

_DIFFERENT = 0.05
"""Roughly the share of samples on which a model and its compressed form are not right or wrong together."""


def warn_of_chance(request: Request, stages: Stages) -> None:
    """Tell before a long search that its result may miss the gate by chance alone."""
    most, count = request.config.gates.accuracy_drop, request.config.evaluation_samples
    if not most:
        return
    needed = math.ceil(_DIFFERENT * (2 / most) ** 2)
    if count < needed:
        error = math.sqrt(_DIFFERENT / count)
        stages.listener.warn(
            f"on {count:,} evaluation samples a drop varies by about {error:.3f} by chance, and gates.accuracy_drop is "
            f"{most:g}: what auto chooses on other samples may miss it; {needed:,} would tell "
            "(proof.evaluation_samples)"
        )


def accuracy(prepared: Model, trial: Request, stages: Stages) -> tuple[float, float]:
    """Of the int8 model on the samples held out, by TFLite's reference kernels; and the standard error of its drop.

    Both models answer the same samples, so the error of the drop is that of the differences, sample by sample, and much
    smaller than that of the accuracy.
    """
    assert prepared.evaluation is not None, "a trial has samples to choose by"
    graph = prepared.graph
    inputs, outputs = (
        tuple(Port(t.name, t.dtype.value, t.shape, t.bytes, 0, t.scale, t.zero_point) for t in map(tensor, indices))
        for tensor, indices in ((graph.tensors.__getitem__, graph.inputs), (graph.tensors.__getitem__, graph.outputs))
    )
    interface = Interface(graph.name, 0, 1, inputs, outputs)
    fed = vectors.sample_inputs(interface, [np.load(path) for path in prepared.evaluation.inputs])
    if prepared.evaluation.labels is None:
        raise UsageError("training data", "has no class labels, and auto chooses by accuracy", "give y, or list steps")
    with stages.stage("expect"), cache.scratch("expect") as folder:
        answered, _ = answer.expect(prepared.content, graph, fed, folder)
    assert answered.expected is not None
    ours = answers.right(interface, answered.expected, np.load(prepared.evaluation.labels)).astype(np.float64)
    theirs = np.zeros_like(ours)
    if prepared.evaluation.right is not None:
        theirs = np.load(prepared.evaluation.right).astype(np.float64)
    return float(ours.mean()), round(float((theirs - ours).std() / math.sqrt(len(ours))), 6)


def missing(gates: Gates, accuracy: float, float_accuracy: float | None) -> float:
    """By how much accuracy misses what is asked for; 0 when it does not."""
    least = gates.accuracy if gates.accuracy is not None else 0.0
    drop = gates.accuracy_drop if gates.accuracy_drop is not None else None if gates.accuracy is not None else DROP
    if drop is not None and float_accuracy is not None:
        least = max(least, float_accuracy - drop)
    return round(max(0.0, least - accuracy), 6)
