"""The three kinds of data that a job may have, each made ready for what it is for.  Child only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild import compress, loaders
from edgebuild.errors import UsageError
from edgebuild.worker import samples
from edgebuild.worker.job import Job
from edgebuild.worker.samples import Samples


def calibration(job: Job, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """What feeds the quantizer.

    Raises:
        UsageError: see :func:`samples.read`.
    """
    assert job.calibration is not None, "checked before the model was opened"
    read = samples.read(job.calibration, "calibration", shape, dtype, job.seed)
    return samples.spread(read.x, job.calibration_samples)


def evaluation(job: Job, shape: tuple[int, ...], dtype: str) -> Samples:
    """The first ``job.evaluation_samples`` samples, written down for the device half as well.

    Raises:
        UsageError: see :func:`samples.read`.
    """
    assert job.evaluation is not None, "the caller looks"
    read = samples.read(job.evaluation, "evaluation", shape, dtype, job.seed)
    count = job.evaluation_samples
    kept = Samples(read.x[:count], None if read.y is None else read.y[:count], read.place)
    np.save(job.out / "evaluation_inputs.npy", kept.x)
    if kept.y is not None:
        np.save(job.out / "evaluation_labels.npy", kept.y)
    return kept


def training(job: Job, own: loaders.Custom, shape: tuple[int, ...], dtype: str) -> compress.Training:
    """What steps fine-tune with.

    Args:
        own: what the user has declared, which a teacher's file may name as well.

    Raises:
        UsageError: it has no labels; see :func:`samples.read`.
    """
    assert job.training is not None, "checked before the model was opened"
    read = samples.read(job.training, "training", shape, dtype, job.seed)
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

    return compress.Training(read.x, read.y, read.place, job.seed, open_model=open_model)
