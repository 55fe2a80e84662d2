"""The order of stages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgebuild import __version__
from edgebuild.artifacts import SourceFile
from edgebuild.config import Config
from edgebuild.errors import AccuracyError, MismatchError, UnsupportedError, UsageError
from edgebuild.pipeline.request import Request, tools_of
from edgebuild.pipeline.stages import Listener, Silent, Stages
from edgebuild.reports.report import Gate, Report

if TYPE_CHECKING:
    from edgebuild.artifacts import Image, Sources
    from edgebuild.packagers import Product
    from edgebuild.pipeline.device import Lowered, Proof
    from edgebuild.pipeline.model import Model


def build(config: Config, target: str, listener: Listener | None = None, use_cache: bool = True) -> Report:
    """Build ``config.model`` for ``target``, prove it, and write the bundle to ``<output>/<target>/``.

    Raises:
        EdgebuildError: with the exit code of what went wrong; the old bundle is untouched.
    """
    request = Request.of(config, target)
    answer = request.answer() if use_cache else None
    if answer is not None:
        return answer
    _insist_on_engine(request)
    _insist_on_packages(request)
    _insist_on_evaluation(request)
    stages = Stages(request.profile.name, listener or Silent(), use_cache=use_cache)
    from edgebuild import packagers
    from edgebuild.codegen import environment
    from edgebuild.pipeline import device, model
    from edgebuild.pipeline.texts import texts
    from edgebuild.reports import budget

    prepared = model.prepare(request, stages)
    with stages.stage("generate"):
        lowered = device.lower(prepared.graph, request)
        sources = device.generate_sources(lowered, request)
    image = device.compile_image(sources, request, stages)
    budget.check_flash(image.flash.total, lowered.graph, request.profile, request.config.budget)
    proof = device.prove(sources, image, device.expect(sources, prepared, request, stages), prepared, request, stages)
    _insist_on_bytes(proof, lowered, request)
    report = _report(request, prepared, lowered, sources, image, proof)
    ram = (report.ram or {}).get("total")
    if ram is not None:
        budget.check_ram(ram, lowered.graph, request.profile, request.config.budget)
    _insist_on_gates(report.gates, request)
    example, linked = _program(request, sources, image, proof, stages)
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
        )
        report = _pack(request, lowered, product, report)
        request.remember(report.as_json(), dict(prepared.read))
    return Report.from_json({**report.as_json(), "seconds": stages.seconds})


def check(config: Config, target: str, listener: Listener | None = None) -> Report:
    """Whether the model fits ``target`` and uses only operators that it can run; compiles nothing.

    Raises:
        EdgebuildError: it does not, or the model cannot be read.
    """
    request = Request.of(config, target)
    _insist_on_engine(request)
    from edgebuild.pipeline import device, model
    from edgebuild.reports import budget

    prepared = model.prepare(request, Stages(request.profile.name, listener or Silent(), use_cache=True))
    lowered = device.lower(prepared.graph, request)
    weights = sum(t.bytes for t in lowered.graph.tensors if t.constant)
    arena = lowered.plan.arena_bytes
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=_model(request, prepared),
        flash={"total": None, "weights": weights, "code": None},
        ram={"total": None, "arena": arena, "io": 0, "static": None, "stack": None},
        gates=tuple(budget.gates(weights, arena, request.profile, request.config.budget)),
        compression=tuple(vars(step) for step in prepared.compression),
    )


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
    fits = request.profile.family == "cortex-m"
    for name in unknown:
        raise UsageError("packages", f"there is no package format '{name}'", f"known: {', '.join(packagers.names())}")
    if not fits and any(packagers.find(name).needs_firmware for name in request.packages):
        raise UsageError(
            "packages",
            f"firmware is for Cortex-M targets, and {request.profile.name} is a {request.profile.family} one",
            "remove firmware from packages",
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
    raise MismatchError(
        f"{request.config.name} on {request.profile.name}",
        f"{verdict.mismatched_bytes} output bytes of {verdict.vectors} inferences differ from {verdict.oracle}'s",
        "report this as a bug with the model; nothing was written",
        (verdict.first_difference or "", bisect.first_difference(lowered.graph, proof.vectors.inputs[row], request)),
    )


def _insist_on_gates(gates: tuple[Gate, ...], request: Request) -> None:
    for gate in gates:
        if gate.value is None:
            raise UsageError(
                f"gates.{gate.name}",
                "cannot be measured: the evaluation data has no labels, or the float model is not there",
                "give labels (y) with data.evaluation, and for accuracy_drop the trained model, not a .tflite",
            )
    failed = [gate for gate in gates if not gate.ok]
    if failed:
        raise AccuracyError(
            f"{request.config.name} on {request.profile.name}",
            "an accuracy gate does not hold on the emulated core",
            "train longer, compress less, or relax [gates] in edgebuild.toml",
            tuple(f"{g.name} is {g.value:.4f}, limit {g.limit:.4f}" for g in failed if g.value is not None),
        )


def _report(
    request: Request, prepared: Model, lowered: Lowered, sources: Sources, image: Image, proof: Proof
) -> Report:
    from edgebuild.reports import budget

    run, profile = proof.run, request.profile
    arena, static = lowered.plan.arena_bytes, image.static_bytes
    ram = None if run.stack_bytes is None else arena + static + run.stack_bytes
    return Report(
        edgebuild=__version__,
        target=profile.name,
        model=_model(request, prepared),
        flash=vars(image.flash),
        ram={"total": ram, "arena": arena, "io": 0, "static": static, "stack": run.stack_bytes},
        emulation={
            "emulator": profile.emulation.emulator,
            "machine": profile.emulation.machine,
            "cpu": profile.emulation.cpu,
            "vectors": proof.verdict.vectors,
            "mismatched_bytes": proof.verdict.mismatched_bytes,
            "oracle": proof.verdict.oracle,
            "instructions": run.instructions,
            "per_operator": [
                {"op": step.op, "name": step.name, "instructions": count}
                for step, count in zip(sources.steps, run.per_step, strict=False)
            ],
        },
        accuracy=_accuracy(prepared, proof),
        compression=tuple(vars(step) for step in prepared.compression),
        gates=(
            *budget.gates(image.flash.total, ram, profile, request.config.budget),
            *_gates(request, prepared, proof),
        ),
        tools={**prepared.tools, **_versions(request)},
    )


def _model(request: Request, prepared: Model) -> dict[str, Any]:
    from edgebuild.pipeline.device import total_macs

    content = prepared.content
    return {
        "path": request.config.model.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "tflite_bytes": len(content),
        "macs": total_macs(prepared.graph),
    }


def _accuracy(prepared: Model, proof: Proof) -> dict[str, Any] | None:
    if proof.device_accuracy is None:
        return None
    return {
        "float": prepared.float_accuracy,
        "int8_host": proof.host_accuracy,
        "device": proof.device_accuracy,
        "samples": len(proof.vectors.inputs) - proof.random,
    }


def _gates(request: Request, prepared: Model, proof: Proof) -> Iterator[Gate]:
    gates, device = request.config.gates, proof.device_accuracy
    if gates.accuracy is not None:
        yield Gate("accuracy", gates.accuracy, device, device is not None and device >= gates.accuracy)
    if gates.accuracy_drop is not None:
        known = device is not None and prepared.float_accuracy is not None
        drop = round((prepared.float_accuracy or 0.0) - (device or 0.0), 6) if known else None
        yield Gate("accuracy_drop", gates.accuracy_drop, drop, drop is not None and drop <= gates.accuracy_drop)


def _versions(request: Request) -> Mapping[str, str]:
    from edgebuild.pipeline.versions import version

    return {tool.command: version(tool) for tool in tools_of(request.profile) if tool.path()}


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


def _pack(request: Request, lowered: Lowered, product: Product, report: Report) -> Report:
    from edgebuild import packagers, planner
    from edgebuild.pipeline.make import fragment
    from edgebuild.pipeline.publish import publish
    from edgebuild.reports import html

    files: list[SourceFile] = [f for name in request.packages for f in packagers.find(name).pack(product)]
    files += fragment(request, product.render)
    problem = planner.problem_of(lowered.graph, lowered.selection, lowered.plan.segments)
    picture = planner.svg(lowered.graph, problem, lowered.plan)
    shown = report.with_files(_listed(files)).as_json()
    page = html.render(shown, request.config.name, request.profile.title, picture)
    files.append(SourceFile("report.html", page))
    report = report.with_files(_listed(files))
    publish(files, report.as_json(), request.output, witness=request.witness)
    return report


def _listed(files: list[SourceFile]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"path": f.path, "bytes": len(f.content), "sha256": hashlib.sha256(f.content).hexdigest()}
        for f in sorted(files, key=lambda f: f.path)
    )
