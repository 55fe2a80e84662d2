"""The parent's side of the worker process: start it, follow it, and turn whatever happens into one clear error.

Imports neither TensorFlow nor numpy.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgebuild import process
from edgebuild.artifacts import CompressionStep, Converted
from edgebuild.errors import EdgebuildError, ToolError
from edgebuild.worker import events
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job

_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # the same bytes on every machine
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "1",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its kernels are chosen by the CPU's features, and so would be the last bits
    "TF_USE_LEGACY_KERAS": "0",
}


@dataclass(frozen=True)
class Evaluation:
    """Evaluation data as files.

    Attributes:
        inputs: of each input a ``.npy``, ``(count, *input shape)`` of what the float model takes.
        labels: ``.npy``, ``(count,)`` of int64; None when the data has none.
        right: ``.npy``, ``(count,)`` of bool: where the float model's class is the label; None when that is unknown.
    """

    inputs: tuple[Path, ...]
    labels: Path | None
    right: Path | None = None


def convert(job: Job, on_progress: Callable[[Progress], None] | None = None) -> Converted:
    """Compress and convert ``job.model``; leaves ``model.tflite`` and more in ``job.out``, which must exist.

    Raises:
        UsageError: the model, the data or a setting cannot be used as given.
        UnsupportedError: the converter refuses an operator.
        ToolError: TensorFlow is missing, crashed, was killed, or ran out of time.
        EdgebuildError: a bug; the log's path is in the remedy.
    """
    _run(replace(job, task="convert"), on_progress)
    written = json.loads((job.out / "converted.json").read_text())
    return Converted(
        tflite=job.out / "model.tflite",
        float_accuracy=written["float_accuracy"],
        compression=tuple(CompressionStep(**step) for step in written["compression"]),
        seconds=written["seconds"],
        tools=written["tools"],
    )


def read_evaluation(job: Job, on_progress: Callable[[Progress], None] | None = None) -> Evaluation | None:
    """Only read the evaluation data, for a model that is a .tflite already; needs no TensorFlow.

    Args:
        job: with ``inputs``.

    Returns:
        None when ``job`` has no evaluation data.

    Raises:
        UsageError, ToolError, EdgebuildError: as for :func:`convert`.
    """
    if job.evaluation is None:
        return None
    _run(replace(job, task="data"), on_progress)
    return evaluation(job)


def split(job: Job, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Write the training data to ``job.out`` as ``training`` and ``held_out``; needs no TensorFlow.

    Raises:
        UsageError, ToolError, EdgebuildError: as for :func:`convert`.
    """
    _run(replace(job, task="split"), on_progress)


def evaluation(job: Job) -> Evaluation | None:
    """The evaluation files that :func:`convert` or :func:`read_evaluation` left in ``job.out``."""
    labels, right = (job.out / f"{name}.npy" for name in ("evaluation_labels", "float_right"))
    count = len(list(job.out.glob("evaluation_inputs_*.npy")))
    inputs = tuple(job.out / f"evaluation_inputs_{number}.npy" for number in range(count))
    if not inputs:
        return None
    return Evaluation(inputs, labels if labels.is_file() else None, right if right.is_file() else None)


def _run(job: Job, on_progress: Callable[[Progress], None] | None) -> None:
    log = job.out / "worker.log"
    asked = job.out / "job.json"
    asked.write_text(job.to_json())
    stage, answer = "starting", None

    def on_line(line: str) -> float | None:
        nonlocal stage, answer
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "stage":
            answer = event
            return None
        stage = event["text"]
        if on_progress is not None:
            on_progress(Progress(event["stage"], event["text"], event["fraction"]))
        limit: float | None = event["limit"]
        return limit

    try:
        with tempfile.TemporaryDirectory(prefix="edgebuild-worker-") as own:
            status = process.follow(
                [sys.executable, "-P", "-m", "edgebuild.worker", asked],
                on_line=on_line,
                timeout=job.limits.start,
                log=log,
                env={**_ENVIRONMENT, **process.environment_of_child(), **_own_directories(Path(own))},
            )
    except process.TimedOut as late:
        raise ToolError(
            "the worker process",
            f"did not finish {stage!r} within {late.seconds:g} s",
            "use a smaller model or fewer samples; a model that never finishes loading is damaged",
            _tail(log),
        ) from None
    finally:
        asked.unlink(missing_ok=True)
    if answer is None:
        raise _ended(status, stage, log)
    if answer["event"] == "error":
        failure = events.to_error(answer)
        if type(failure) is EdgebuildError:
            raise EdgebuildError(failure.place, failure.rule, f"report this as a bug with {log}", _tail(log))
        raise failure


def _own_directories(own: Path) -> dict[str, str]:
    """Variables that make ``own`` Keras's home and the place of temporary files.

    No keras.json of the user's changes what is computed, and none is written; the data sets and models that Keras
    downloaded earlier stay within reach of the user's data functions.  TensorFlow writes each function that it
    translates to a temporary file, and removes them in an exit handler, which a worker does not run.
    """
    usual = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    for name in ("datasets", "models"):
        if (usual / name).is_dir():
            (own / name).symlink_to((usual / name).resolve())
    temporary = own / "temporary"
    temporary.mkdir()
    return {"KERAS_HOME": str(own), "TMPDIR": str(temporary)}


def _ended(status: int, stage: str, log: Path) -> EdgebuildError:
    """The error for a worker that ended without a word."""
    if status == -signal.SIGKILL:
        return ToolError(
            "the worker process",
            f"was killed during {stage!r}, probably because the machine ran out of memory",
            "give it more memory, or use a smaller model or fewer samples",
            _tail(log),
        )
    if status < 0:
        return ToolError(
            "tensorflow",
            f"crashed with {signal.Signals(-status).name} during {stage!r}",
            "recurrent layers are a known cause: build them with unroll=True",
            _tail(log),
        )
    return EdgebuildError(
        "the worker process",
        f"ended with status {status} during {stage!r} without a report",
        f"report this as a bug with {log}",
        _tail(log),
    )


_CHATTER = re.compile(r"[IWE]\d{4} |WARNING: All log messages")
"""How TensorFlow's C++ logging begins its lines, whose errors are about missing GPUs."""


def _tail(log: Path) -> tuple[str, ...]:
    """The last lines that the worker printed, without TensorFlow's chatter."""
    lines = log.read_text(errors="replace").splitlines()
    return tuple(line for line in lines if line.strip() and not _CHATTER.match(line))[-8:]
