"""Data in two: what to train with, and what to choose by.  Child only; needs no TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebuild.config import DataSource
from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import samples
from edgebuild.worker.job import Job


def write(job: Job) -> None:
    """Write ``training`` and ``held_out`` to ``job.out``, folders with ``x.npy`` (``x0.npy``, …) and ``y.npy``.

    Without validation data, training samples that the seed draws are held out.

    Raises:
        UsageError: the data has no labels, or is too little to divide.
    """
    assert job.training is not None and job.inputs, "a split job states both"
    inputs = tuple(Input(name, shape, "float32") for name, shape in job.inputs)
    training = _labelled(job, job.training, "training", inputs)
    if job.validation is not None:
        _save(job, "training", training.xs, training.y)
        chosen_by = _labelled(job, job.validation, "validation", inputs)
        _save(job, "held_out", chosen_by.xs, chosen_by.y)
        return
    count = min(job.held_out, len(training) // 5)
    if count < 1:
        found = f"has {len(training)} samples, and auto keeps a fifth aside"
        raise UsageError(training.place, found, "give more samples, or data.validation")
    assert training.y is not None, "refused without"
    order = np.random.default_rng(job.seed).permutation(len(training))
    for name, chosen in (("held_out", order[:count]), ("training", np.sort(order[count:]))):
        _save(job, name, tuple(x[chosen] for x in training.xs), training.y[chosen])


def _labelled(job: Job, source: DataSource, role: str, inputs: tuple[Input, ...]) -> samples.Samples:
    read = samples.read(source, role, inputs, job.seed)
    if read.y is None:
        raise UsageError(read.place, f"the {role} data has no labels", "give y as well: return (x, y)")
    return read


def _save(job: Job, folder: str, xs: tuple[Any, ...], y: Any) -> None:
    (job.out / folder).mkdir()
    for name, array in zip((*samples.names(len(xs)), "y"), (*xs, y), strict=True):
        np.save(job.out / folder / f"{name}.npy", array)
