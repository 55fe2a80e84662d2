"""How often the float model is right, and what a model consists of.  Child only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.worker.samples import Samples

_BATCH = 64


def right(
    call: Callable[..., list[Any]], batch: int | None, evaluation: Samples | None, progress: Callable[[float], None]
) -> NDArray[np.bool_] | None:
    """Whether the largest output is at the label, sample by sample; None without integer labels or classes.

    Args:
        batch: how many samples ``call`` takes at once, None for any number.
    """
    if evaluation is None or evaluation.y is None or evaluation.y.dtype != np.int64 or evaluation.y.ndim != 1:
        return None
    size = batch or _BATCH
    found = []
    for start in range(0, len(evaluation), size):
        outputs = np.asarray(call(*(x[start : start + size] for x in evaluation.xs))[0])
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            return None
        found.append(outputs.argmax(axis=1) == evaluation.y[start : start + size])
        progress(min(1.0, (start + size) / len(evaluation)))
    return np.asarray(np.concatenate(found), np.bool_)


def write_right(folder: Path, known: NDArray[np.bool_]) -> None:
    """Leave what :func:`right` found in ``folder``, so that another model can be compared sample by sample."""
    np.save(folder / "float_right.npy", known)


def size(model: Any) -> dict[str, Any]:
    """``parameters`` of a Keras model, ``zeros``, the share of its weights (of rank 2 and above), and ``macs``."""
    from edgebuild.compress import _macs

    weights = [np.asarray(weight) for weight in model.get_weights()]
    matrices = [weight for weight in weights if weight.ndim >= 2]
    total = sum(weight.size for weight in matrices)
    zeros = sum(int(np.count_nonzero(weight == 0)) for weight in matrices)
    return {
        "parameters": sum(int(weight.size) for weight in weights),
        "zeros": round(zeros / total, 6) if total else 0.0,
        "macs": _macs.of_model(model),
    }
