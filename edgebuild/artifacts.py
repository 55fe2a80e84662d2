"""What flows down the line from stage to stage: frozen dataclasses, and nothing else.

A stage takes artifacts and returns artifacts; stages never import one another.
This module imports neither numpy nor anything slow, so that the quick path may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild.target.profile import Region

if TYPE_CHECKING:
    import numpy as np


# ---- the device half: plan, sources, image -------------------------------------------------------


@dataclass(frozen=True)
class Port:
    """An input or output of the deployed model.

    Attributes:
        dtype: numpy's name of the element type.
        offset: byte offset in the arena at which the caller writes or reads it.
        scale, zero_point: quantization parameters; 1.0 and 0 for float.
        area: position in ``Interface.areas`` of the buffer that ``offset`` counts in.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    offset: int
    scale: float
    zero_point: int
    area: int = 0


@dataclass(frozen=True)
class Interface:
    """The C interface of a generated model: all that a caller, the harness or a package needs.

    ``<name>.h`` declares ``void <name>_invoke(void *arena)``, ``<NAME>_ARENA_BYTES``,
    ``<NAME>_ARENA_ALIGNMENT``, and one pointer function for each port.

    Attributes:
        pushed: rows of the only input when the caller pushes them with ``<name>_push(arena, row)`` after
            ``<name>_begin(arena)`` and before ``<name>_invoke``; 0 when the input lies in the arena.
        areas: the memories that hold the arena, with its bytes, where the target has several. With one it is a plain
            buffer for that memory; with more, functions take a ``struct <name>_arenas`` with one buffer each, whose
            sizes are ``<NAME>_ARENA_<MEMORY>_BYTES``.
    """

    name: str
    arena_bytes: int
    arena_alignment: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    pushed: int = 0
    areas: tuple[Region, ...] = ()

    @property
    def spread(self) -> bool:
        """Whether callers hand over several buffers."""
        return len(self.areas) > 1


@dataclass(frozen=True)
class SourceFile:
    """A generated file: path inside the output folder, and its content."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Step:
    """One call inside ``<name>_invoke``, in order: an operator's kernel, or a copy inside the arena.

    Attributes:
        node: index of the graph's node, or None for a copy.
        op: TFLite name of the operator (``CONV_2D``), or ``MOVE``.
        name: the layer's name.
        symbol: C function that is called.
    """

    node: int | None
    op: str
    name: str
    symbol: str


@dataclass(frozen=True)
class Sources:
    """The generated C of a model.

    Attributes:
        files: every file, headers included.
        units: paths of the files to compile.
        weights_unit: the unit that holds all constant data of the model.
        steps: the calls of ``<name>_invoke``.
    """

    interface: Interface
    files: tuple[SourceFile, ...]
    units: tuple[str, ...]
    weights_unit: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Harness:
    """The program that boots a target, feeds the model and watches it; no part of what the user gets.

    Attributes:
        files: every file.
        units: paths of the files to compile.
        script: path of the linker script; None where the host's own is used.
    """

    files: tuple[SourceFile, ...]
    units: tuple[str, ...]
    script: str | None


@dataclass(frozen=True)
class Flash:
    """Bytes of flash that the model takes in the linked image, harness excluded."""

    total: int
    weights: int
    code: int


@dataclass(frozen=True)
class Image:
    """A linked program that contains the model's library.

    Attributes:
        folder: where everything lies.
        elf, map: the program and its linker map.
        library: ``lib<name>.a``, the very archive that is handed to the user.
        flash: what the model takes of it, read from the map.
        static_bytes: writable static data of the library, read from the map.
        step_addresses: address of the instruction after each step's call, in step order; empty when
            the calls cannot be told apart in the machine code.
        invoke: first address of ``<name>_invoke``, or of ``<name>_begin`` when rows are pushed, and the one after the
            last of ``<name>_invoke``.
        symbols: functions and labels of the program: first address and the one after the last.
    """

    folder: Path
    elf: Path
    map: Path
    library: Path
    flash: Flash
    static_bytes: int
    step_addresses: tuple[int, ...]
    invoke: tuple[int, int]
    symbols: Mapping[str, tuple[int, int]] = field(default_factory=dict)


# ---- the proof -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Vectors:
    """Inputs fed to the model, and the bytes that TFLite answers.

    Attributes:
        inputs: array ``(count, bytes of all inputs)`` of uint8.
        expected: array ``(count, bytes of all outputs)`` of uint8, or None.
        oracle: who computed ``expected`` (``tflm``, ``litert``, ``numpy``).
    """

    inputs: np.ndarray
    expected: np.ndarray | None
    oracle: str


@dataclass(frozen=True, eq=False)
class Run:
    """What the emulated program did.

    Attributes:
        outputs: array ``(count, bytes of all outputs)`` of uint8.
        stack_bytes: measured peak of the stack below the call of ``<name>_invoke``; None where the
            emulator cannot measure it.
        instructions: executed instructions of the first inference; None when not counted.
        per_step: executed instructions of each step of the first inference.
        command: how it was run.
        warnings: what could not be measured, and why.
    """

    outputs: np.ndarray
    stack_bytes: int | None
    instructions: int | None
    per_step: tuple[int, ...]
    command: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether the emulated bytes are TFLite's.

    Attributes:
        vectors: how many inputs were compared.
        mismatched_bytes: how many output bytes differ; 0 is the only acceptable value.
        first_difference: words for the first one.
    """

    vectors: int
    mismatched_bytes: int
    oracle: str
    first_difference: str | None = None


# ---- the model half ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompressionStep:
    """What one compression step cost and bought, as the report shows it."""

    technique: str
    settings: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Converted:
    """The door between the halves: a .tflite and what is known about how it came about.

    Attributes:
        tflite: path of the file.
        float_accuracy: accuracy of the float model on the evaluation data (0 to 1), or None.
        compression: one entry a step.
        seconds: time of each part.
        tools: versions of what was used.
    """

    tflite: Path
    float_accuracy: float | None = None
    compression: tuple[CompressionStep, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
