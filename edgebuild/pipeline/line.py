"""The order of stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from edgebuild import __version__
from edgebuild.artifacts import SourceFile
from edgebuild.config import Config, automatic
from edgebuild.errors import MismatchError, UnsupportedError, UsageError
from edgebuild.pipeline import outcome, publish
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Listener, Silent, Stages
from edgebuild.reports.report import Report

if TYPE_CHECKING:
    from edgebuild.artifacts import Image, Sources
    from edgebuild.pipeline.device import Lowered, Proof
    from edgebuild.pipeline.model import Model

ZEROS = 0.5
"""Share of zeros from which a layer was certainly pruned, and its user is told if they are stored."""


def build(config: Config, target: str, listener: Listener | None = None, use_cache: bool = True) -> Report:
    """Build ``config.model`` for ``target``, prove it, and write the bundle to ``<output>/<target>/``.

    Raises:
        EdgebuildError: with the exit code of what went wrong; the old bundle is untouched.
    """
    request = Request.of(config, target)
    publish.insist_on_place(request.output)
    stages = Stages(request.profile.name, listener or Silent(), use_cache=use_cache)
    request = _resolved(request, stages)
    answer = request.answer() if use_cache else None
    if answer is not None:
        return answer
    _insist_on_engine(request)
    _insist_on_packages(request)
    _insist_on_input(request)
    _insist_on_evaluation(request)
    if request.profile.family == "android":
        from edgebuild.pipeline import android

        return android.build(request, stages)
    if request.profile.family == "linux" and request.profile.engine == "litert":
        from edgebuild.pipeline import linux

        return linux.build(request, stages)
    from edgebuild import packagers
    from edgebuild.codegen import environment
    from edgebuild.pipeline import _each_step, _figures, _linux_static, bundle, device, model
    from edgebuild.pipeline.texts import texts
    from edgebuild.reports import budget

    if request.profile.family == "linux":
        _linux_static.download(request, stages)
    prepared = model.prepare(request, stages)
    with stages.stage("generate"):
        lowered = device.lower(prepared.graph, request)
        sources = device.generate_sources(lowered, request)
    image = device.compile_image(sources, request, stages)
    budget.check_flash(image.flash.total, lowered.graph, request.profile, request.config.budget)
    proof = device.prove(sources, image, device.expect(sources, prepared, request, stages), prepared, request, stages)
    _insist_on_bytes(proof, lowered, request)
    report = _report(request, prepared, lowered, sources, image, proof)
    for layer in report.pruned:
        if layer["why_dense"] and layer["zeros"] >= ZEROS:
            text = f"{layer['zeros']:.0%} of its weights are zero, but they are stored whole: {layer['why_dense']}"
            stages.listener.warn(f"{layer['name']}: {text}")
    ram = (report.ram or {}).get("total")
    if ram is not None:
        budget.check_ram(ram, lowered.graph, request.profile, request.config.budget)
    outcome.insist_on_gates(report, request)
    taken = _figures.figures(lowered, image, proof.run.stack_bytes, proof.run.instructions)
    told = _each_step.measured(prepared, taken, request, stages)
    report = replace(report, compression=tuple(vars(step) for step in told))
    example, linked = _program(request, sources, image, proof, stages)
    installed = None
    if request.profile.family == "linux":
        installed, report = _linux_static.build(sources, image, proof.vectors, prepared, report, request, stages)
    with stages.stage("pack"):
        product = packagers.Product(
            profile=request.profile,
            interface=sources.interface,
            sources=sources,
            tflite=prepared.content,
            example=example,
            image=image,
            render=environment.render,
            texts=texts(),
            firmware=linked,
            bundle=installed,
        )
        report = bundle.write(request, product, report, device.picture(lowered))
        request.remember(report.as_json(), dict(prepared.read))
    return Report.from_json({**report.as_json(), "seconds": stages.seconds})


def check(config: Config, target: str, listener: Listener | None = None) -> Report:
    """Whether the model fits ``target`` and uses only operators that it can run; compiles nothing.

    Raises:
        EdgebuildError: it does not, or the model cannot be read.
    """
    request = Request.of(config, target)
    _insist_on_engine(request)
    _insist_on_input(request)
    stages = Stages(request.profile.name, listener or Silent(), use_cache=True)
    request = _resolved(request, stages)
    if request.profile.family == "linux" and request.profile.engine == "litert":
        from edgebuild.pipeline import linux

        return linux.check(request, stages)
    if request.profile.family == "android":
        from edgebuild.pipeline import android

        return android.check(request, stages)
    from edgebuild.pipeline import model

    return outcome.fits(request, model.prepare(request, stages))


def _resolved(request: Request, stages: Stages) -> Request:
    """With the steps that ``auto`` chooses, if the configuration leaves them to it."""
    steps = request.config.steps
    if not steps or steps[0].technique != automatic.NAME:
        return request
    _insist_on_engine(request)
    _insist_on_evaluation(request)
    from edgebuild.pipeline import auto

    return auto.resolved(request, stages)


def _insist_on_engine(request: Request) -> None:
    from edgebuild import emulators, toolchains

    profile = request.profile
    for kind, name, known in (
        ("toolchain", profile.toolchain, toolchains.names()),
        ("emulator", profile.emulation.emulator, emulators.names()),
    ):
        if name not in known:
            raise UnsupportedError(
                f"target {profile.name}",
                f"needs the {kind} {name}, which this version of edgebuild does not have",
                "choose another target: edgebuild targets lists them",
            )


def _insist_on_packages(request: Request) -> None:
    from edgebuild import packagers

    unknown = [name for name in request.packages if name not in packagers.names()]
    family = request.profile.family
    for name in unknown:
        raise UsageError("packages", f"there is no package format '{name}'", f"known: {', '.join(packagers.names())}")
    for name in request.packages:
        families = packagers.find(name).families
        if families and family not in families:
            raise UsageError(
                "packages",
                f"{name} is for targets of the family {' or '.join(families)}, and {request.profile.name} is {family}",
                f"remove {name} from packages",
            )


def _insist_on_input(request: Request) -> None:
    if request.config.input == "pushed" and request.profile.family not in ("cortex-m", "host"):
        raise UsageError(
            "model.input",
            f'"pushed" is for microcontrollers and host, and {request.profile.name} is {request.profile.family}',
            "state it below the targets that it is for: [target.NAME]",
        )


def _insist_on_evaluation(request: Request) -> None:
    gates = request.config.gates
    if request.config.evaluation is None and (gates.accuracy is not None or gates.accuracy_drop is not None):
        raise UsageError(
            "gates",
            "accuracy is measured on evaluation data, and none is given",
            "add data.evaluation to edgebuild.toml, or give --evaluation",
        )


def _insist_on_bytes(proof: Proof, lowered: Lowered, request: Request) -> None:
    verdict = proof.verdict
    if not verdict.mismatched_bytes:
        return
    from edgebuild.pipeline import bisect

    assert proof.vectors.expected is not None
    row = int((proof.vectors.expected != proof.run.outputs).any(axis=1).argmax())
    vector = proof.vectors.inputs[row]
    raise MismatchError(
        f"{request.config.name} on {request.profile.name}",
        f"{verdict.mismatched_bytes} output bytes of {verdict.vectors} inferences differ from {verdict.oracle}'s",
        "report this as a bug with the model; nothing was written",
        (verdict.first_difference or "", bisect.first_difference(lowered.graph, lowered.selection, vector, request)),
    )


def _report(
    request: Request, prepared: Model, lowered: Lowered, sources: Sources, image: Image, proof: Proof
) -> Report:
    from edgebuild.pipeline import _figures
    from edgebuild.reports import budget
    from edgebuild.reports.pruned import pruned

    run, profile, config = proof.run, request.profile, request.config
    ram = _figures.figures(lowered, image, run.stack_bytes, run.instructions).ram
    arena, static = lowered.plan.arena_bytes, image.static_bytes
    parts = {"total": ram, "arena": arena, "io": 0, "static": static, "stack": run.stack_bytes}
    return Report(
        edgebuild=__version__,
        target=profile.name,
        model=outcome.model(request, prepared),
        flash=vars(image.flash),
        ram={**parts, **outcome.regions(request, lowered)},
        emulation={
            "emulator": profile.emulation.emulator,
            "machine": profile.emulation.machine,
            "cpu": profile.emulation.cpu,
            "vectors": proof.verdict.vectors,
            "mismatched_bytes": proof.verdict.mismatched_bytes,
            "oracle": proof.verdict.oracle,
            "instructions": run.instructions,
            "per_operator": _figures.per_operator(sources, run, lowered),
        },
        accuracy=outcome.accuracy(prepared, proof),
        compression=tuple(vars(step) for step in prepared.compression),
        passes=tuple(vars(saving) for saving in lowered.saved),
        pruned=pruned(lowered.graph, lowered.selection, profile.cpu.features, config.optimize, config.compact_weights),
        gates=(
            *budget.gates(image.flash.total, ram, profile, config.budget),
            *outcome.gates(request, prepared, proof),
        ),
        tools={**prepared.tools, **outcome.versions(request)},
    )


def _program(
    request: Request, sources: Sources, image: Image, proof: Proof, stages: Stages
) -> tuple[tuple[SourceFile, ...], Mapping[str, bytes] | None]:
    """The example program, and the firmware image around it where a package wants one."""
    from edgebuild import packagers
    from edgebuild.codegen.example import example
    from edgebuild.pipeline import firmware

    files = example(sources.interface, proof.vectors)
    if not any(packagers.find(name).needs_firmware for name in request.packages):
        return files, None
    return files, firmware.build(sources, image, files, request, stages)
