"""The compression steps of a job, one after the other.  Child only.

What each step makes is kept in the cache, by content: a build that was killed goes on behind its last finished step,
and recipes that begin alike share their beginnings.  The next step always begins from what was kept, read back, so that
it does not matter whether the steps before it ran in the same process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from edgebuild import cache, compress, loaders
from edgebuild.config import DataSource, Step
from edgebuild.worker.job import Job

_VERSIONS = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")


@dataclass(frozen=True, eq=False)
class Given:
    """What a step works with.

    Attributes:
        model: as it was loaded.
        training: None when no step needs any.
        evaluation: samples to report the accuracy on, or None.
        before: what there is to say of ``model``.
        run: does a step, from a Keras model and its place in the list to a Keras model.
        describe: what there is to say of a model.
        size: what there is to say of it once it is converted; of the model behind so many steps.
    """

    model: loaders.Loaded
    training: compress.Training | None
    evaluation: Any
    before: dict[str, Any]
    run: Callable[[int, Any], Any]
    describe: Callable[[loaders.Loaded], dict[str, Any]]
    size: Callable[[loaders.Loaded, int], dict[str, Any]]


def run(job: Job, settings: Sequence[Any], given: Given) -> tuple[loaders.Loaded, list[dict[str, Any]]]:
    """The model behind the last step, and what to report of each.

    Args:
        settings: of each step, read and checked.
    """
    model, before, told = given.model, given.before, list[dict[str, Any]]()
    if not job.steps:
        return model, told
    before = {**before, **given.size(model, 0)}
    key = _begin(job, given) if job.code else ""
    for number, (step, own) in enumerate(zip(job.steps, settings, strict=True)):
        course = asdict(compress.course(step.technique, step.settings))
        shown = {**asdict(own), **{name: value for name, value in course.items() if value}}
        if key:
            key = cache.key(key, step.technique, shown, _files(job, step))
            place, _ = cache.make("step", key, _making(number, given, model, job))
            model = _read(place, job)
            after = json.loads((place / "after.json").read_text())
        else:
            model = loaders.of_tf_keras(given.run(number, model.model), job.model)
            after = given.describe(model)
        after = {**after, **given.size(model, number + 1)}
        told.append({"technique": step.technique, "settings": shown, "before": before, "after": after})
        before = after
    return model, told


def _making(number: int, given: Given, model: loaders.Loaded, job: Job) -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        made = given.run(number, model.model)
        (folder / "model.json").write_text(made.to_json())
        np.savez(folder / "weights.npz", *made.get_weights())
        (folder / "after.json").write_text(json.dumps(given.describe(_read(folder, job))) + "\n")

    return work


def _read(folder: Path, job: Job) -> loaders.Loaded:
    """The model that a step left: its layers and weights as they were."""
    import tf_keras
    from tf_keras.src.saving import serialization_lib

    with serialization_lib.SafeModeScope(not job.allow_unsafe_model):  # as the model's own file was read
        model = tf_keras.models.model_from_json((folder / "model.json").read_text())
    with np.load(folder / "weights.npz", allow_pickle=False) as kept:
        model.set_weights([kept[name] for name in kept.files])
    return loaders.of_tf_keras(model, job.model)


def _begin(job: Job, given: Given) -> str:
    """Key of the model before its first step, with all that every step depends on."""
    data = [] if given.training is None else [*given.training.x.arrays, given.training.y]
    samples = [] if given.evaluation is None else [*given.evaluation.xs, given.evaluation.y]
    versions = [metadata.version(package) for package in _VERSIONS]
    arrays = [[_digest(array) for array in group if array is not None] for group in (data, samples)]
    own = [(_code(source), source.function) for source in (job.loss, job.metric) if source is not None]
    return cache.key(job.code, cache.file_digest(job.model), arrays, own, job.seed, job.threads, versions)


def _code(source: DataSource) -> list[str]:
    """The user's file with a loss or metric, and every other Python file that was read with it."""
    from edgebuild.worker import reads

    others = [digest for path, digest in reads.digests().items() if path.endswith(".py")]
    return [cache.file_digest(source.path), *sorted(others)]


def _digest(array: Any) -> str:
    values = np.ascontiguousarray(array)
    return hashlib.sha256(repr((values.shape, values.dtype.str)).encode() + values.tobytes()).hexdigest()


def _files(job: Job, step: Step) -> list[str]:
    return [cache.file_digest(job.folder / name) for name in compress.files(step.technique, step.settings)]


def taught(training: compress.Training, model: loaders.Loaded) -> compress.Training:
    """``training`` with the answers of the model as it was loaded; the steps change its weights."""
    from edgebuild.compress import _teacher

    def call(batch: Any) -> Any:
        return model.call(*batch) if isinstance(batch, list) else model.call(batch)

    return replace(training, teacher=_teacher.answers(call, training.x, model.batch))
