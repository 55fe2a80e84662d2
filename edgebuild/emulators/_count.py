"""Counts executed instructions with a QEMU plugin of our own, compiled on the spot."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgebuild import process, resources
from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.errors import ToolError
from edgebuild.exchange import RETURNED_MARK

_COMPILER = process.Tool("cc", "gcc libc6-dev", "compiling the instruction counter")
_SECONDS = 60.0
_MARKS_FILE = "marks.txt"
_COUNTS_FILE = "counts.txt"


@dataclass(frozen=True)
class Counts:
    """Executed instructions of one inference.

    Attributes:
        total: from the first instruction of ``<name>_invoke`` up to its return; None if not counted.
        per_step: the same for each step; the first includes what precedes it, the last what follows it, so
            that they add up to ``total``.  Empty if the steps cannot be told apart.
        warnings: why something was not counted.
    """

    total: int | None = None
    per_step: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def count_instructions(
    emulator: Emulator, image: Image, folder: Path, cache: Path, once: Callable[[Plugin], None]
) -> Counts:
    """Count one inference.  What stands in the way is a warning, not an error.

    Args:
        folder: where the emulator runs.
        cache: where the compiled plugin is kept.
        once: runs the image with the plugin in ``folder``.
    """
    try:
        library = _compile(emulator, cache)
    except ToolError as error:
        return Counts(warnings=(f"instructions were not counted: {error.place}: {error.rule}; {error.remedy}",))
    folder.mkdir(parents=True, exist_ok=True)
    # An operator may end by jumping to the next one: then the mark after it is the return to the harness.
    marks = (image.invoke[0], image.symbols[RETURNED_MARK][0], *image.step_addresses)
    (folder / _MARKS_FILE).write_text("".join(f"{address & ~1:x}\n" for address in marks))
    counts = folder / _COUNTS_FILE
    counts.unlink(missing_ok=True)
    try:
        once(Plugin(library, _MARKS_FILE, _COUNTS_FILE))
    except ToolError as error:
        return Counts(warnings=(f"instructions were not counted: {error.place}: {error.rule}",))
    if not counts.is_file():
        return Counts(warnings=("instructions were not counted: the counter left no result",))
    total, *reached = (int(line) for line in counts.read_text().split())
    if not reached:
        return Counts(total, (), ("operators were not counted one by one: their calls were not found in the code",))
    reached[-1] = total
    return Counts(total, tuple(after - before for before, after in zip([0, *reached], reached, strict=False)))


def _compile(emulator: Emulator, cache: Path) -> Path:
    """The plugin as a shared object, compiled once for each source and interface version."""
    assert emulator.program is not None
    folder = resources.folder("templates") / "harness"
    source, header = folder / "count.c", folder / "qemu_plugin.h"
    api = plugin_api(process.run([emulator.program.command, "--version"], timeout=_SECONDS).stdout)
    key = hashlib.sha256(source.read_bytes() + header.read_bytes() + bytes([api])).hexdigest()[:16]
    library = cache.resolve() / f"count-{key}.so"
    if not library.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        aside = library.with_suffix(f".{os.getpid()}")
        flags = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden")
        argv = [_COMPILER.command, *flags, f"-DPLUGIN_API={api}", str(source), "-o", str(aside)]
        process.check(argv, tool=_COMPILER, timeout=_SECONDS)
        aside.replace(library)
    return library


def plugin_api(version_text: str) -> int:
    """The plugin interface to declare to the QEMU that prints ``version_text``: 9.0 raised the lowest from 0 to 2."""
    found = re.search(r"version (\d+)\.", version_text)
    return 2 if found and int(found[1]) >= 9 else 1
