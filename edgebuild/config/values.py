"""The configuration as frozen dataclasses: what every stage reads, whoever wrote it down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class DataSource:
    """Where samples come from.

    Attributes:
        kind: ``npz`` (arrays ``x`` and, for labels, ``y``), ``npy`` (a folder with ``x.npy`` and
            ``y.npy``) or ``python`` (``file.py:function`` returning ``x`` or ``(x, y)``, or what gives
            them one by one; run in the worker process, never in the parent).
        path: the file or folder, absolute.
        function: the function's name for ``python``.
    """

    kind: Literal["npz", "npy", "python"]
    path: Path
    function: str | None = None


@dataclass(frozen=True)
class Step:
    """One entry of ``compress.steps``: a technique and its settings."""

    technique: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """The most that the model may take, in bytes; None where the target alone decides."""

    flash: int | None = None
    ram: int | None = None


@dataclass(frozen=True)
class Gates:
    """Conditions on accuracy (0 to 1), measured on the emulated core."""

    accuracy: float | None = None
    accuracy_drop: float | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class Config:
    """One build, for one target or several.

    Attributes:
        model: the trained model, absolute.
        name: C identifier that prefixes every generated symbol.
        targets: names of profiles, or absolute paths of the user's own.
        output: folder that receives one folder a target, absolute.
        loss, metric: the user's functions for fine-tuning, or None for what suits the model's output.
        precision: plugin in ``edgebuild.convert``.
        each_step: whether the model behind each step is converted too, and what it takes on the target is measured.
        quantization: settings of that precision, and of the technique that prepares a model for it.
        engine: ``c`` or ``litert``, or None for the target's default.
        io: element type of the model's border, or None for the target's default.
        input: ``pushed`` takes the input row by row, so that it never lies whole in the arena.
        final_softmax: False cuts a SOFTMAX at the end; the class with the largest logit is the same.
        labels: text file with the names of the classes, absolute, or None.
        custom: Python file with classes and functions that the model names, absolute, or None; run in the worker only.
        evaluation_samples: how many samples of the evaluation data run on the emulated core.
        vectors: how many random inputs are compared byte by byte, besides.
        optimize: ``fastest``, ``speed``, ``size`` or ``balanced``: which kernels are chosen.
        compact_weights: whether kernels may skip zeros and take weights of four bits.
        memory: how far RAM is saved: ``least``, ``balanced`` or ``fastest``.
        skip_passes: plugins in ``edgebuild.passes`` that are left out.
        timeout: seconds that the emulator may take, or None for an estimate from the model's size.
        seed: of everything random in the model half.
        file: the edgebuild.toml, or None.
        overrides: ``[target.NAME]`` by target; values by field, ``"budget.flash"`` for a nested one.
    """

    model: Path
    name: str
    targets: tuple[str, ...]
    output: Path
    calibration: DataSource | None = None
    evaluation: DataSource | None = None
    training: DataSource | None = None
    validation: DataSource | None = None
    steps: tuple[Step, ...] = ()
    each_step: bool = True
    loss: DataSource | None = None
    metric: DataSource | None = None
    precision: str = "int8"
    quantization: Mapping[str, Any] = field(default_factory=dict)
    engine: Literal["c", "litert"] | None = None
    io: str | None = None
    input: Literal["whole", "pushed"] = "whole"
    final_softmax: bool = True
    labels: Path | None = None
    custom: Path | None = None
    evaluation_samples: int = 500
    vectors: int = 4
    timeout: int | None = None
    optimize: Literal["fastest", "speed", "balanced", "size"] = "balanced"
    compact_weights: bool = True
    memory: Literal["least", "balanced", "fastest"] = "balanced"
    skip_passes: tuple[str, ...] = ()
    budget: Budget = Budget()
    gates: Gates = Gates()
    packages: tuple[str, ...] | None = None
    seed: int = 1
    allow_unsafe_model: bool = False
    file: Path | None = None
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[DataSource | None, ...]:
        """The user's data and functions, in one order; None where there are none."""
        return (self.calibration, self.evaluation, self.training, self.validation, self.loss, self.metric)

    def for_target(self, name: str) -> Config:
        """The same build for ``name`` alone, with what ``[target.NAME]`` says laid over it.

        A profile given as a path goes by its file name without ``.toml``.
        """
        own = self.overrides.get(short_name(name), {})
        return lay_over(dataclasses.replace(self, targets=(name,), overrides={}), own)


def short_name(target: str) -> str:
    """``boards/mine.toml`` and ``mine`` are the same target, ``mine``."""
    return Path(target).stem if target.endswith(".toml") else target


def lay_over(config: Config, values: Mapping[str, Any]) -> Config:
    """``config`` with ``values`` by field; a dotted field reaches into ``budget`` or ``gates``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        outer, _, inner = name.partition(".")
        if inner:
            flat[outer] = dataclasses.replace(flat.get(outer, getattr(config, outer)), **{inner: value})
        else:
            flat[outer] = value
    return dataclasses.replace(config, **flat)
