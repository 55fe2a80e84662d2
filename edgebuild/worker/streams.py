"""Samples that come one by one or in batches: from a ``tf.data.Dataset``, a generator, any iterable.  Child only.

A dataset is known by what it can do, so TensorFlow is not imported here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import parts, reads
from edgebuild.worker.parts import words

MOST_SAMPLES, MOST_BYTES = 1_000_000, 4 << 30
"""Behind them, what does not say how many samples it has is taken to have no end."""

_ENDLESS = -1
"""``tf.data.INFINITE_CARDINALITY``."""


def is_stream(answer: Any) -> bool:
    """Whether samples must be drawn from ``answer``, which is no array and nothing that numpy makes one of."""
    if isinstance(answer, np.ndarray | list | tuple | dict | str | bytes) or hasattr(answer, "__array__"):
        return False
    return hasattr(answer, "__iter__") or (hasattr(answer, "__getitem__") and hasattr(answer, "__len__"))


def draw(answer: Any, role: str, inputs: Sequence[Input], place: str) -> tuple[list[NDArray[Any]], Any]:
    """All samples of ``answer``, an array for each input, and their labels where it gives pairs; drawn once.

    Args:
        answer: gives ``x`` or ``(x, y)``, of a sample or of a batch: the shape of ``x`` tells which.
        role: of the data, for messages.
        inputs: the model's.

    Raises:
        UsageError: it has no end, or gives something else.
    """
    elements, ends = _elements(answer, place)
    drawn: list[list[NDArray[Any]]] = []
    labels: list[NDArray[Any] | None] = []
    count = size = 0
    for element in elements:
        xs, y = _batch(element, role, inputs, place)
        drawn.append(xs)
        labels.append(y)
        count, size = count + len(xs[0]), size + sum(x.nbytes for x in xs)
        if not ends and (count > MOST_SAMPLES or size > MOST_BYTES):
            raise UsageError(
                place, f"has not ended after {count} samples, and does not say how many it has", _remedy(answer)
            )
    if not drawn:
        return [np.zeros((0, *entry.shape[1:]), np.float32) for entry in inputs], None
    return [np.concatenate(one) for one in zip(*drawn, strict=True)], _joined(labels, place)


def _elements(answer: Any, place: str) -> tuple[Iterator[Any], bool]:
    """What ``answer`` gives, and whether that is known to end."""
    if _is_dataset(answer):
        reads.note(_files(answer))
        cardinality = int(answer.cardinality())
        if cardinality == _ENDLESS:
            raise UsageError(place, "returned a dataset without an end", _remedy(answer))
        return answer.as_numpy_iterator(), cardinality >= 0
    if hasattr(answer, "__len__"):
        return itertools.islice(iter(answer), len(answer)), True
    return iter(answer), False


def _is_dataset(answer: Any) -> bool:
    return hasattr(answer, "cardinality") and hasattr(answer, "as_numpy_iterator")


def _remedy(answer: Any) -> str:
    if _is_dataset(answer):
        return "leave out .repeat(), or end the dataset with .take(n)"
    return "let it end, for example with itertools.islice(…, n)"


def _batch(
    element: Any, role: str, inputs: Sequence[Input], place: str
) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    """``element`` as a batch, of one sample where it is one."""
    x, y = element if isinstance(element, tuple) and len(element) == 2 else (element, None)
    if isinstance(y, dict | tuple):
        raise UsageError(place, f"gives y as a {type(y).__name__}", "give one label, or one array of targets, a sample")
    xs = parts.take(x, inputs, place)
    labels = None if y is None else parts.array(y, place)
    single = xs[0].shape == inputs[0].shape[1:]
    count = 1 if single or xs[0].ndim == 0 else len(xs[0])
    for found, entry in zip(xs, inputs, strict=True):
        wanted = entry.shape[1:]
        if found.shape != (wanted if single else (count, *wanted)):
            many = "" if single and len(inputs) > 1 else " or batches of it"
            raise UsageError(
                parts.of_input(entry, inputs, place),
                f"the {role} data has elements of the shape {words(found.shape)}, "
                f"but the model wants {words(wanted)}{many}",
                "reshape them, or prepare them as for training",
            )
    if single:
        return [one[np.newaxis] for one in xs], None if labels is None else labels[np.newaxis]
    if labels is not None and (labels.ndim == 0 or len(labels) != count):
        many = "one value" if labels.ndim == 0 else f"{len(labels)} labels"
        raise UsageError(place, f"gives a batch of {count} samples with {many}", "give one label a sample")
    return xs, labels


def _joined(labels: list[NDArray[Any] | None], place: str) -> NDArray[Any] | None:
    there = [one for one in labels if one is not None]
    if not there:
        return None
    if len(there) != len(labels):
        raise UsageError(place, "gives labels with some samples only", "give (x, y) for every sample")
    shapes = {one.shape[1:] for one in there}
    if len(shapes) > 1:
        raise UsageError(
            place, f"gives labels of the shapes {' and '.join(sorted(map(words, shapes)))}", "give all the same shape"
        )
    joined: NDArray[Any] = np.concatenate(there)
    return joined


def _files(dataset: Any) -> Iterator[str]:
    """Files that the pipeline names: TensorFlow opens them itself, unseen by Python.

    They are the sources of records, and the strings that a pipeline begins with.  What these attributes are called is
    TensorFlow's own affair; where one is missing, its files go unseen.
    """
    for value in getattr(dataset, "_tensors", ()):
        if getattr(getattr(value, "dtype", None), "name", "") == "string":
            yield from (one.decode("utf-8", "replace") for one in np.ravel(value.numpy()))
    below = [*getattr(dataset, "_inputs", list)(), getattr(dataset, "_filenames", None)]
    for source in below:
        if _is_dataset(source):
            yield from _files(source)
