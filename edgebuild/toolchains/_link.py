"""From the library and a harness to a program, and what the linker says about it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from edgebuild import process
from edgebuild.artifacts import Flash, Harness, Image, Sources, Step
from edgebuild.errors import BudgetError, ToolError
from edgebuild.exchange import RETURNED_MARK
from edgebuild.target.profile import Profile
from edgebuild.toolchains import Options, Toolchain, find
from edgebuild.toolchains._build import compile_units, header_folders, object_paths, without_libc, write
from edgebuild.toolchains._map import read_map
from edgebuild.toolchains._steps import Call, calls, step_addresses

_SECONDS = 120.0
_OVERFLOW = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")

Symbols = dict[str, tuple[int, int]]


class RegionOverflow(BudgetError):
    """The model does not fit a memory of the target.

    Attributes:
        region: name of the memory.
        available: bytes that it has.
        excess: bytes that are missing.
    """

    def __init__(self, target: str, region: str, available: int, excess: int, remedy: str) -> None:
        rule = f"{region} has {available} bytes and the model needs {available + excess}, {excess} too many"
        super().__init__(f"target {target}", rule, remedy)
        self.region = region
        self.available = available
        self.excess = excess


def link(
    profile: Profile,
    sources: Sources,
    library: Path,
    harness: Harness,
    folder: Path,
    *,
    sanitize: bool = False,
) -> Image:
    """Compile ``harness`` below ``folder`` and link it with ``library``, which lies in that folder.

    Raises:
        RegionOverflow: flash or RAM of the target is too small, and by how much.
        ToolError: a program is missing or failed.
    """
    toolchain = find(profile.toolchain)
    name = sources.interface.name
    write(harness.files, folder)
    options = Options(
        includes=tuple(dict.fromkeys((*header_folders(sources.files), *header_folders(harness.files)))),
        freestanding=harness.script is not None,
        sanitize=sanitize,
    )
    objects = compile_units(toolchain, profile, harness.units, folder, options)
    elf = folder / f"{name}.elf"
    argv = toolchain.link(profile, objects, library.name, harness.script, elf.name, options)
    try:
        done = process.run(argv, timeout=_SECONDS, cwd=folder)
    except process.TimedOut as late:
        rule = f"did not finish within {late.seconds:g} s"
        raise ToolError(toolchain.compiler.command, rule, "run edgebuild doctor") from late
    if done.status != 0:
        overflow = _OVERFLOW.search(done.stderr)
        if overflow:
            raise _overflow(profile, overflow[1], int(overflow[2]))
        raise without_libc(toolchain, done.stderr.splitlines()) or _failed(toolchain, done)
    symbols = read_symbols(toolchain, elf)
    invoke = symbols[f"{name}_invoke"]
    pushed = bool(sources.interface.pushed)
    begin = symbols[f"{name}_begin"][0] if pushed else invoke[0]
    contributions = read_map(elf.with_suffix(".map").read_text(), library.name)
    weights_object = PurePosixPath(object_paths([sources.weights_unit])[sources.weights_unit]).name
    total = sum(c.bytes for c in contributions if c.in_flash)
    weights = sum(c.bytes for c in contributions if c.in_flash and c.member == weights_object)
    return Image(
        folder=folder,
        elf=elf,
        map=elf.with_suffix(".map"),
        library=library,
        flash=Flash(total=total, weights=weights, code=total - weights),
        static_bytes=sum(c.bytes for c in contributions if c.in_ram),
        step_addresses=_steps(toolchain, elf, invoke, sources.steps, symbols, pushed=pushed),
        invoke=(begin, invoke[1]),
        symbols=symbols,
    )


def _failed(toolchain: Toolchain, done: process.Completed) -> ToolError:
    return ToolError(
        toolchain.compiler.command,
        f"failed to link with status {done.status}",
        "run edgebuild doctor; if the tool is healthy, report this as a bug with the lines above",
        tuple(done.stderr.splitlines()[-20:]),
    )


def read_symbols(toolchain: Toolchain, elf: Path) -> Symbols:
    """Functions and labels of ``elf``: first address, and the one after the last."""
    listing = process.check(toolchain.symbols(elf.name), tool=toolchain.lister, timeout=_SECONDS, cwd=elf.parent).stdout
    found: Symbols = {}
    for line in listing.splitlines():
        words = line.split()
        if len(words) >= 3 and words[-2] in "tTwW":
            start = int(words[0], 16)
            found[words[-1]] = (start, start + (int(words[1], 16) if len(words) == 4 else 0))
    return found


def _steps(
    toolchain: Toolchain, elf: Path, invoke: tuple[int, int], steps: tuple[Step, ...], symbols: Symbols, *, pushed: bool
) -> tuple[int, ...]:
    """The address after each step's call; the first one has ended where ``invoke`` begins if rows are ``pushed``."""
    if RETURNED_MARK not in symbols:  # a native program: nothing there counts instructions
        return ()
    argv = toolchain.disassemble(elf.name, *invoke)
    text = process.check(argv, tool=toolchain.disassembler, timeout=_SECONDS, cwd=elf.parent).stdout
    found: tuple[Call, ...] = calls(text, invoke)
    starts = {symbol: span[0] for symbol, span in symbols.items()}
    called = steps[1:] if pushed else steps
    addresses = step_addresses(found, tuple(step.symbol for step in called), starts, symbols[RETURNED_MARK][0])
    return (invoke[0], *addresses) if pushed and len(addresses) == len(called) else addresses


def _overflow(profile: Profile, region: str, excess: int) -> RegionOverflow:
    sizes = {memory.name: memory for memory in profile.memory}
    remedy = "choose a target with more, or make the model smaller"
    if region not in sizes:  # the harness's own memory
        return RegionOverflow(profile.name, region, profile.emulation.harness_bytes, excess, remedy)
    if sizes[region].kind == "flash":
        remedy = "choose a target with more flash, or prune, cluster or shrink the model"
    else:
        remedy = "choose a target with more RAM, or make the largest activations smaller"
    return RegionOverflow(profile.name, region, sizes[region].bytes, excess, remedy)
