"""The three kinds of data that a job may have, each made ready for what it is for.  Child only."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebuild import compress, convert, loaders
from edgebuild.errors import UsageError
from edgebuild.worker import samples, user_code
from edgebuild.worker.job import Job
from edgebuild.worker.samples import Samples

Inputs = tuple[loaders.Input, ...]


def calibration(job: Job, inputs: Inputs) -> convert.Fed:
    """What feeds the quantizer.

    Raises:
        UsageError: see :func:`samples.read`.
    """
    assert job.calibration is not None, "checked before the model was opened"
    read = samples.read(job.calibration, "calibration", inputs, job.seed)
    xs = tuple(samples.spread(x, job.calibration_samples) for x in read.xs)
    return xs[0] if len(xs) == 1 else xs


def evaluation(job: Job, inputs: Inputs) -> Samples:
    """The first ``job.evaluation_samples`` samples, written down for the device half as well.

    Raises:
        UsageError: see :func:`samples.read`.
    """
    assert job.evaluation is not None, "the caller looks"
    read = samples.read(job.evaluation, "evaluation", inputs, job.seed)
    count = job.evaluation_samples
    kept = Samples(tuple(x[:count] for x in read.xs), None if read.y is None else read.y[:count], read.place)
    for number, x in enumerate(kept.xs):
        np.save(job.out / f"evaluation_inputs_{number}.npy", x)
    if kept.y is not None:
        np.save(job.out / "evaluation_labels.npy", kept.y)
    return kept


def training(job: Job, own: loaders.Custom, inputs: Inputs) -> compress.Training:
    """What steps fine-tune with.

    Args:
        own: what the user has declared, which a teacher's file may name as well.

    Raises:
        UsageError: it has no labels, or loss or metric are not there; see :func:`samples.read`.
    """
    assert job.training is not None, "checked before the model was opened"
    read = samples.read(job.training, "training", inputs, job.seed)
    if read.y is None:
        raise UsageError(
            read.place,
            "the training data has no labels",
            "give y as well: numpy.savez(path, x=…, y=…) or return (x, y)",
        )

    def open_model(file: str) -> Any:
        path = job.folder / file
        loader = loaders.find(loaders.recognise(path))
        loader.inspect(path, allow_unsafe=job.allow_unsafe_model, custom=own)
        return loaders.for_compression(loader.load(path, allow_unsafe=job.allow_unsafe_model), path, own).model

    loss, metric = (None if source is None else user_code.function(source) for source in (job.loss, job.metric))
    fed = compress.Fed(read.xs)
    return compress.Training(fed, read.y, read.place, job.seed, loss=loss, metric=metric, open_model=open_model)
