"""The bundle of generated C: one static program, which runs its self-test on the emulated board before it is packed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

from edgebuild import cache, emulators, process, toolchains
from edgebuild.artifacts import Image, Sources, Vectors
from edgebuild.codegen import board as texts
from edgebuild.codegen.board import Board
from edgebuild.emulators import Entry
from edgebuild.errors import MismatchError, ToolError
from edgebuild.packagers import Bundle, BundleFile
from edgebuild.pipeline import fetch
from edgebuild.pipeline._linux_files import TEST_VECTORS, compose
from edgebuild.pipeline.model import Model
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.runtimes import KERNEL, kernel, system
from edgebuild.pipeline.stages import Stages
from edgebuild.reports import budget
from edgebuild.reports.report import Report
from edgebuild.toolchains import Options

_SECONDS = 300.0
_HOME = "opt/model"

UNPROVEN = (
    "no board was at hand: its clock, memory timing, devices and firmware are not emulated",
    "systemd did not start the units",
)
"""What no emulator has shown; the report says so."""


def download(request: Request, stages: Stages) -> None:
    """What the emulated system of the target consists of, where it boots one."""
    if emulators.find(request.profile.emulation.emulator).boots:
        with stages.stage("download") as hits:
            hits.append(fetch.debian(KERNEL, stages.progress("download"), emulators.KERNEL)[1])


def build(
    sources: Sources, image: Image, proven: Vectors, prepared: Model, report: Report, request: Request, stages: Stages
) -> tuple[Bundle, Report]:
    """The bundle, and the report with the largest resident set of its program, where the emulator can tell.

    Args:
        proven: inputs, and the outputs that the emulated board gave for them.

    Raises:
        MismatchError: the program's self-test fails.
        BudgetError: the program takes too much memory.
    """
    profile = request.profile
    found = Board(sources.interface, "c", system(profile).machines, "")
    board = dataclasses.replace(found, program=f"bin/{found.command}")
    main, vectors = texts.runner(board), _test_vectors(proven)
    key = cache.key(own_digest(), sources, main, vectors, profile.cpu, profile.memory, tools_identity(profile))

    def work(folder: Path) -> None:
        toolchain = toolchains.find(profile.toolchain)
        toolchains.write((*sources.files, main), folder)
        shutil.copy(image.library, folder)
        for argv in (
            toolchain.compile(profile, main.path, "main.o", Options(includes=(".",))),
            toolchain.link(profile, ("main.o",), image.library.name, None, "program.elf", Options()),
        ):
            process.check(argv, tool=toolchain.compiler, timeout=_SECONDS, cwd=folder)
        files = {"bin/program": (folder / "program.elf").read_bytes(), **vectors}
        peak = _self_test(files, request, folder)
        (folder / "peak.json").write_text(json.dumps(peak))

    folder = stages.stored("program", key, work)
    name = sources.interface.name
    programs = [
        BundleFile(f"bin/{board.command}", (folder / "program.elf").read_bytes(), executable=True),
        BundleFile(f"lib/lib{name}.a", image.library.read_bytes()),
        BundleFile("src/main.c", main.content),
        *(
            BundleFile(f"{'include' if file.path == f'{name}.h' else 'src'}/{file.path}", file.content)
            for file in sources.files
        ),
    ]
    where = emulators.find(profile.emulation.emulator).label(profile)
    assert proven.expected is not None
    facts = {
        "proof": f"{len(proven.inputs)} inferences in {where}, all bytes equal to TFLite's reference kernels",
        "unproven": UNPROVEN,
    }
    bundle = compose(
        board, system(profile), request, prepared.content, programs, (proven.inputs, proven.expected), (), facts
    )
    return bundle, _measured(report, json.loads((folder / "peak.json").read_text()), prepared, request)


def _measured(report: Report, peak: int | None, prepared: Model, request: Request) -> Report:
    report = dataclasses.replace(report, unproven=UNPROVEN, tools={**report.tools, **kernel(request.profile)})
    if peak is None:
        return report
    budget.check_ram(peak, prepared.graph, request.profile, request.config.budget)
    gates = (*report.gates, *budget.gates(None, peak, request.profile, request.config.budget))
    return dataclasses.replace(report, ram={**(report.ram or {}), "total": peak}, gates=gates)


def _test_vectors(proven: Vectors) -> dict[str, bytes]:
    assert proven.expected is not None
    return {
        "test/inputs.bin": proven.inputs[:TEST_VECTORS].tobytes(),
        "test/outputs.bin": proven.expected[:TEST_VECTORS].tobytes(),
    }


def _self_test(files: dict[str, bytes], request: Request, folder: Path) -> int | None:
    profile = request.profile
    emulator = emulators.find(profile.emulation.emulator)
    seconds = request.config.timeout or 600
    if emulator.boots:
        tree = {f"{_HOME}/{path}": Entry(content, path.startswith("bin/")) for path, content in files.items()}
        booted = emulators.boot(profile, tree, (f"/{_HOME}/bin/program", "--self-test"), folder / "system", seconds)
        status, peak = booted.status, booted.peak_bytes
    else:
        status, peak = _in_user_mode(files, request, folder / "system", seconds), None
    if status != 0:
        ended = f"with status {status}" if status > 0 else f"by signal {-status}"
        raise MismatchError(
            f"the program of {request.config.name} on {profile.name}",
            f"its self-test ended {ended} in {emulator.label(profile)}",
            "report this as a bug with the model; nothing was written",
        )
    return peak


def _in_user_mode(files: dict[str, bytes], request: Request, home: Path, seconds: float) -> int:
    from edgebuild.emulators.qemu_user import QemuUser

    profile, emulator = request.profile, QemuUser()
    for path, content in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(content)
    (home / "bin/program").chmod(0o755)
    argv = emulator.command(profile, str((home / "bin/program").resolve()), ("--self-test",))
    try:
        return process.run(argv, timeout=seconds, cwd=home).status
    except process.TimedOut as late:
        rule = f"did not finish within {late.seconds:g} s"
        raise ToolError(argv[0], rule, "allow more time with proof.timeout") from late
