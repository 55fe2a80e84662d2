"""Accuracy of a classifier, from the bytes that came out of it."""

from __future__ import annotations

import numpy as np

from edgebuild.artifacts import Interface
from edgebuild.validate.ports import unpack


def classes(interface: Interface, outputs: np.ndarray) -> np.ndarray:
    """The class of each vector: the first largest element of the first output.

    A single element is a binary classifier's: class 1 from one half of its range on (0.5 for a float).

    Args:
        outputs: array ``(count, bytes of all outputs)`` of uint8.
    """
    port = interface.outputs[0]
    values = unpack(interface.outputs, outputs, 0)
    if values.shape[1] == 1:
        middle = 0.5 if values.dtype.kind == "f" else round(0.5 / port.scale) + port.zero_point
        return np.asarray(values[:, 0] >= middle, np.int64)
    return np.asarray(np.argmax(values, axis=1), np.int64)


def right(interface: Interface, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each vector's class is the label: bool ``(count,)``.

    Args:
        labels: class numbers ``(count,)`` or ``(count, 1)``, or one-hot rows ``(count, classes)``.

    Raises:
        ValueError: as many labels as vectors are needed, and at least one.
    """
    labels = np.asarray(labels)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = np.argmax(labels.reshape(len(labels), -1), axis=1)
    labels = labels.reshape(-1)
    if len(labels) == 0 or len(labels) != len(outputs):
        raise ValueError(f"{len(labels)} labels for {len(outputs)} outputs")
    return np.asarray(classes(interface, outputs) == labels)


def accuracy(interface: Interface, outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of vectors whose class is the label, 0 to 1; arguments and errors are those of :func:`right`."""
    return float(np.mean(right(interface, outputs, labels)))
