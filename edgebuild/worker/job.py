"""What the worker process is asked to do: one frozen value that travels as a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from edgebuild.config import Config, DataSource, Step


@dataclass(frozen=True)
class Limits:
    """Seconds that each part of the work may take before the worker is ended."""

    start: float = 300.0
    load: float = 120.0
    data: float = 900.0
    measure: float = 1800.0
    compress: float = 14400.0
    convert: float = 1800.0


@dataclass(frozen=True)
class Job:
    """Everything the worker needs to know; paths are absolute.

    Attributes:
        out: an existing folder that the worker may fill: ``model.tflite``, ``converted.json``,
            ``evaluation_inputs_0.npy`` and so on for each input, ``evaluation_labels.npy``, ``files_read.json``,
            ``worker.log``.
        task: ``convert`` goes from model file to .tflite; ``data`` only reads the evaluation data, for a model
            that is a .tflite already, and ``split`` writes what to train with and what to choose by as folders of .npy,
            ``training`` and ``held_out``; both need no TensorFlow.
        each_step: also leave ``step-N.tflite``, the model behind N steps, for each N less than all.
        quantization: settings of the precision, and of the technique that prepares a model for it.
        io: element type of the border of the .tflite: ``int8`` or ``float32``.
        evaluation_samples: accuracy is measured on the first so many samples, here and on the device.
        calibration_samples: at most so many, spread evenly over the calibration data, feed the quantizer.
        inputs: name and shape, with batch 1, of each of the model's inputs; for ``data`` and ``split``.
        loss, metric: functions of labels and outputs for the steps' fine-tuning; None: what suits the output.
        validation: what ``split`` takes to choose by.
        held_out: without it so many of the training samples, at most a fifth of them.
        custom: the user's Python file with classes and functions that the model names.
        folder: where the files that the steps' settings name are looked for.
        code: which edgebuild this is, under which the cache keeps what each step made; empty: nothing is kept.
        threads: how many TensorFlow computes with.  Results depend on it, so it is not the machine's number of cores.
    """

    model: Path
    out: Path
    task: Literal["convert", "data", "split"] = "convert"
    steps: tuple[Step, ...] = ()
    each_step: bool = False
    precision: str = "int8"
    quantization: Mapping[str, Any] = field(default_factory=dict)
    io: str = "int8"
    calibration: DataSource | None = None
    evaluation: DataSource | None = None
    training: DataSource | None = None
    validation: DataSource | None = None
    loss: DataSource | None = None
    metric: DataSource | None = None
    evaluation_samples: int = 500
    calibration_samples: int = 500
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    held_out: int = 2000
    seed: int = 1
    custom: Path | None = None
    folder: Path = Path()
    code: str = ""
    threads: int = 2
    allow_unsafe_model: bool = False
    limits: Limits = Limits()

    @classmethod
    def of(cls, config: Config, *, io: str, out: Path) -> Job:
        """The job that ``config`` asks for, with the border ``io`` that configuration and target agreed on."""
        return cls(
            model=config.model,
            out=out,
            steps=config.steps,
            each_step=config.each_step,
            precision=config.precision,
            quantization=config.quantization,
            io=io,
            calibration=config.calibration,
            evaluation=config.evaluation,
            training=config.training,
            validation=config.validation,
            loss=config.loss,
            metric=config.metric,
            evaluation_samples=config.evaluation_samples,
            seed=config.seed,
            custom=config.custom,
            folder=Path(os.path.abspath(config.file.parent if config.file else Path())),
            allow_unsafe_model=config.allow_unsafe_model,
        )

    def to_json(self) -> str:
        """The job as JSON; :meth:`from_json` is its inverse."""
        return json.dumps(self, default=_plain, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job that :meth:`to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        for key in ("model", "out", "folder"):
            values[key] = Path(values[key])
        for key in ("calibration", "evaluation", "training", "validation", "loss", "metric"):
            values[key] = _source(values[key])
        values["custom"] = None if values["custom"] is None else Path(values["custom"])
        values["steps"] = tuple(Step(**step) for step in values["steps"])
        values["inputs"] = tuple((name, tuple(shape)) for name, shape in values["inputs"])
        values["limits"] = Limits(**values["limits"])
        return cls(**values)


def _plain(value: object) -> object:
    """What json does not know: our values, paths, read-only mappings."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} cannot be part of a job")


def _source(values: Mapping[str, Any] | None) -> DataSource | None:
    return None if values is None else DataSource(**{**values, "path": Path(values["path"])})
