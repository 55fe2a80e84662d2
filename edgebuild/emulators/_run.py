"""Runs an image over vectors: bytes and stack in one go, instructions in another with a single vector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild import exchange, process
from edgebuild.artifacts import Image, Run, Vectors
from edgebuild.emulators import Emulator, Plugin, find
from edgebuild.emulators._count import Counts, count_instructions
from edgebuild.emulators._guest import JOB, Entry, boot
from edgebuild.emulators._outcome import judge, too_slow
from edgebuild.target.profile import Profile

if TYPE_CHECKING:
    import numpy as np

_FILES = (exchange.INPUTS_FILE, exchange.OUTPUTS_FILE, exchange.RECORD_FILE)


def run(
    profile: Profile,
    image: Image,
    vectors: Vectors,
    folder: Path,
    timeout: float,
    *,
    count: bool = True,
    cache: Path | None = None,
) -> Run:
    """Run ``image`` over every vector.

    Args:
        folder: where the files that pass between us and the harness lie.
        timeout: seconds for all vectors together; the process group is ended after that.
        count: whether to count the instructions of the first vector's inference, in a run of its own.
        cache: where the compiled instruction counter is kept; ``folder`` by default.

    Raises:
        ToolError: the emulator is missing, does not end in time, or failed by itself.
        MismatchError: the program faulted, or wrote outside the arena.
        BudgetError: the model's stack did not fit what RAM had left.
    """
    emulator = find(profile.emulation.emulator)
    if emulator.program is not None:
        emulator.program.require()
    folder.mkdir(parents=True, exist_ok=True)
    outputs, record, command = _once(emulator, profile, image, vectors.inputs, folder, timeout, None)
    counts = Counts()
    if count and emulator.counts and len(vectors.inputs) > 0:

        def once(plugin: Plugin) -> None:
            _once(emulator, profile, image, vectors.inputs[:1], folder / "count", timeout, plugin)

        counts = count_instructions(emulator, image, folder / "count", cache or folder, once)
    measured = record.stack_bytes != exchange.NOT_MEASURED
    return Run(
        outputs=outputs,
        stack_bytes=record.stack_bytes if measured else None,
        instructions=counts.total,
        per_step=counts.per_step,
        command=command,
        warnings=counts.warnings,
    )


def _once(
    emulator: Emulator,
    profile: Profile,
    image: Image,
    inputs: np.ndarray,
    folder: Path,
    timeout: float,
    plugin: Plugin | None,
) -> tuple[np.ndarray, exchange.Record, tuple[str, ...]]:
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    header = exchange.inputs_header(*inputs.shape)
    (folder / exchange.INPUTS_FILE).write_bytes(header + np.ascontiguousarray(inputs, np.uint8).tobytes())
    if emulator.boots:
        done = _in_a_system(profile, image, folder, timeout)
    else:
        argv: Sequence[str] = emulator.argv(profile, image, _FILES, plugin)
        try:
            done = process.run(argv, timeout=timeout, cwd=folder)
        except process.TimedOut as late:
            raise too_slow(emulator, profile, late.seconds) from late
    record = judge(emulator, profile, image, done, _content(folder / exchange.RECORD_FILE))
    outputs = np.frombuffer(_content(folder / exchange.OUTPUTS_FILE), np.uint8)
    return outputs.reshape(len(inputs), record.output_bytes), record, done.argv


def _in_a_system(profile: Profile, image: Image, folder: Path, timeout: float) -> process.Completed:
    """Run ``image`` in a Linux system of its own, and lay what it wrote into ``folder``."""
    program = Entry(image.elf.read_bytes(), executable=True)
    tree = {f"{JOB}/program": program, f"{JOB}/{_FILES[0]}": Entry((folder / _FILES[0]).read_bytes())}
    booted = boot(profile, tree, ("./program", _FILES[0], *(f"out/{name}" for name in _FILES[1:])), folder, timeout)
    for name in _FILES[1:]:
        (folder / name).write_bytes(booted.files.get(name, b""))
    said = (booted.files.get(name, b"").decode(errors="replace") for name in ("stdout", "stderr"))
    return process.Completed(booted.command, booted.status, *said)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
