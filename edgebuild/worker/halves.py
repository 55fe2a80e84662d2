"""Training data in two: what to train with, and what to choose by.  Child only; needs no TensorFlow."""

from __future__ import annotations

import numpy as np

from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import samples
from edgebuild.worker.job import Job


def write(job: Job) -> None:
    """Write ``training`` and ``held_out`` to ``job.out``, folders with ``x.npy`` and ``y.npy``, drawn by the seed.

    Raises:
        UsageError: the data has no labels, or is too little to divide.
    """
    assert job.training is not None and len(job.inputs) == 1, "a split job states both"
    inputs = tuple(Input(name, shape, "float32") for name, shape in job.inputs)
    read = samples.read(job.training, "training", inputs, job.seed)
    if read.y is None:
        raise UsageError(read.place, "the training data has no labels", "give y as well: return (x, y)")
    count = min(job.held_out, len(read.x) // 5)
    if count < 1:
        raise UsageError(read.place, f"has {len(read.x)} samples, and auto keeps a fifth aside", "give more samples")
    order = np.random.default_rng(job.seed).permutation(len(read.x))
    for name, chosen in (("held_out", order[:count]), ("training", np.sort(order[count:]))):
        (job.out / name).mkdir()
        np.save(job.out / name / "x.npy", read.x[chosen])
        np.save(job.out / name / "y.npy", read.y[chosen])
