"""Compares the emulated bytes with those that TFLite answers."""

from __future__ import annotations

import numpy as np

from edgebuild.artifacts import Interface, Run, Vectors, Verdict
from edgebuild.validate.ports import unpack


def compare(interface: Interface, vectors: Vectors, run: Run) -> Verdict:
    """Whether every output byte of ``run`` is the expected one.

    Raises:
        ValueError: ``vectors`` say nothing of what to expect, or not about these outputs; our bug.
    """
    expected = vectors.expected
    if expected is None or expected.shape != run.outputs.shape:
        raise ValueError("the expected outputs do not have the shape of the outputs")
    differs = expected != run.outputs
    return Verdict(
        vectors=len(run.outputs),
        mismatched_bytes=int(np.count_nonzero(differs)),
        oracle=vectors.oracle,
        first_difference=_first(interface, expected, run.outputs) if differs.any() else None,
    )


def _first(interface: Interface, expected: np.ndarray, actual: np.ndarray) -> str:
    """Words for the first differing element: vector, output, index and both values."""
    row = int(np.argmax((expected != actual).any(axis=1)))
    for position, port in enumerate(interface.outputs):
        want = unpack(interface.outputs, expected[row : row + 1], position)[0]
        got = unpack(interface.outputs, actual[row : row + 1], position)[0]
        # By bytes: two NaNs may be the same, and 0.0 is not -0.0.
        bytes_differ = want.view(np.uint8).reshape(len(want), -1) != got.view(np.uint8).reshape(len(got), -1)
        if bytes_differ.any():
            index = int(np.argmax(bytes_differ.any(axis=1)))
            return f"vector {row + 1}, output {port.name!r}, element {index}: expected {want[index]}, got {got[index]}"
    raise ValueError("no element differs")
