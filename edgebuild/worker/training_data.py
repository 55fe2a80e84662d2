"""What fine-tuning works with: the user's samples, loss and metric, and models that settings name.  Child only."""

from __future__ import annotations

from typing import Any

from edgebuild import compress, loaders
from edgebuild.errors import UsageError
from edgebuild.worker import samples
from edgebuild.worker.job import Job


def read(job: Job, shape: tuple[int, ...], dtype: str) -> compress.Training:
    """The training data of ``job``, for a model that takes ``shape`` of ``dtype``.

    Raises:
        UsageError: the data, or the loss and metric, are not there or of no use.
    """
    assert job.training is not None, "checked before the model was opened"
    found = samples.read(job.training, "training", shape, dtype)
    if found.y is None:
        raise UsageError(
            found.place,
            "the training data has no labels",
            "give y as well: numpy.savez(path, x=…, y=…) or return (x, y)",
        )

    def open_model(file: str) -> Any:
        path = job.folder / file
        loader = loaders.find(loaders.recognise(path))
        loader.inspect(path, allow_unsafe=job.allow_unsafe_model)
        return loaders.for_compression(loader.load(path, allow_unsafe=job.allow_unsafe_model), path).model

    loss, metric = (None if source is None else samples.function(source) for source in (job.loss, job.metric))
    return compress.Training(found.x, found.y, found.place, job.seed, loss=loss, metric=metric, open_model=open_model)
