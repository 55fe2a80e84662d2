"""The order of stages for Android: native code for each ABI, Java classes, both proven, one package."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgebuild import __version__, packagers
from edgebuild.artifacts import Image, Interface, Sources
from edgebuild.codegen import android, environment
from edgebuild.codegen.example import example
from edgebuild.errors import MismatchError, UnsupportedError
from edgebuild.pipeline import _android_apk, _android_litert, bundle, device, model, outcome
from edgebuild.pipeline._android_java import Classes, compile_classes
from edgebuild.pipeline._android_native import compile_library, insist_on_loadable
from edgebuild.pipeline._android_proof import JAVA, assemble
from edgebuild.pipeline.labels import labels
from edgebuild.pipeline.request import tools_of
from edgebuild.pipeline.texts import texts
from edgebuild.reports import budget
from edgebuild.reports.report import Report
from edgebuild.toolchains.clang_android import api_level

if TYPE_CHECKING:
    from edgebuild.pipeline.model import Model
    from edgebuild.pipeline.request import Request
    from edgebuild.pipeline.stages import Stages

UNPROVEN = (
    "never loaded by Android: neither its linker (bionic) nor its runtime (ART), no device and no emulator image of it",
    "time and energy of an inference on a device: not measured",
)
"""What no package for Android has been through."""


@dataclass(frozen=True, eq=False)
class Part:
    """The package's code for one ABI.

    Attributes:
        request: for the profile of that ABI.
        image: the native library.
    """

    request: Request
    lowered: device.Lowered
    sources: Sources
    image: Image

    @property
    def abi(self) -> str:
        """Android's name for it."""
        return self.request.profile.cpu.abi


def build(request: Request, stages: Stages) -> Report:
    """Build, prove and write the package.

    Raises:
        EdgebuildError: with the exit code of what went wrong; the old bundle is untouched.
    """
    for tool in tools_of(request.profile):
        tool.require()  # a missing one should not come to light after an hour of training
    wants_app = any(packagers.find(name).needs_app for name in request.packages)
    if wants_app:
        _android_apk.sdk()
    prepared = model.prepare(request, stages)
    try:
        parts = tuple(_parts(prepared, request, stages))
    except UnsupportedError as refused:
        return _android_litert.build(prepared, refused, request, stages)
    first = parts[0]
    interface = _interface(parts)
    classes = compile_classes(interface, labels(interface, request), None, request, stages)
    for part in parts:
        insist_on_loadable(part.image, classes.natives, part.request)
    asked = device.expect(first.sources, prepared, request, stages)
    proofs = tuple(_prove(part, interface, classes, asked, prepared, stages) for part in parts)
    report = _report(request, prepared, parts, proofs)
    outcome.insist_on_gates(report, request)
    package = _package(parts, proofs, interface, classes)
    if wants_app:
        report = dataclasses.replace(report, unproven=(*report.unproven, _android_apk.UNPROVEN))
        package = _with_app(package, interface, proofs[0], stages)
    with stages.stage("pack"):
        product = packagers.Product(
            profile=request.profile,
            interface=interface,
            sources=first.sources,
            tflite=prepared.content,
            example=example(first.sources.interface, proofs[0].vectors),
            image=first.image,
            render=environment.render,
            texts=texts(),
            android=package,
        )
        report = bundle.write(request, product, report, device.picture(first.lowered))
        request.remember(report.as_json(), dict(prepared.read))
    return Report.from_json({**report.as_json(), "seconds": stages.seconds})


def check(request: Request, stages: Stages) -> Report:
    """Whether generated C can run the model on each ABI, or the package would depend on LiteRT.

    Raises:
        EdgebuildError: neither, or it does not fit.
    """
    prepared = model.prepare(request, stages)
    try:
        profiles = (request.profile, *request.profile.also)
        found = [outcome.fits(dataclasses.replace(request, profile=profile), prepared) for profile in profiles]
    except UnsupportedError as refused:
        return _android_litert.check(prepared, refused, request, stages)
    return found[0]


def _parts(prepared: Model, request: Request, stages: Stages) -> Iterator[Part]:
    """The native code for each ABI, the target's own first."""
    for profile in (request.profile, *request.profile.also):
        own = dataclasses.replace(request, profile=profile)
        with stages.stage("generate"):
            lowered = device.lower(prepared.graph, own)
            sources = device.generate_sources(lowered, own)
        image = compile_library(sources, own, stages)
        budget.check_flash(image.flash.total, lowered.graph, profile, request.config.budget)
        yield Part(own, lowered, sources, image)


def _interface(parts: tuple[Part, ...]) -> Interface:
    """What the Java class is made from: the same for all ABIs, with an arena that is large enough for each."""
    arena = max(part.sources.interface.arena_bytes for part in parts)
    return dataclasses.replace(parts[0].sources.interface, arena_bytes=arena)


def _prove(
    part: Part, interface: Interface, classes: Classes, asked: Any, prepared: Model, stages: Stages
) -> device.Proof:
    image = assemble(part.image, interface, classes, part.request, stages)
    proof = device.prove(part.sources, image, asked, prepared, part.request, stages, beside=image.folder.name)
    verdict = proof.verdict
    if verdict.mismatched_bytes:
        raise MismatchError(
            f"{interface.name} for {part.abi}",
            f"{verdict.mismatched_bytes} output bytes of {verdict.vectors} inferences differ from {verdict.oracle}'s",
            "build for the target host to see whether the generated code or the compiler is wrong, and report it as a "
            "bug with the model; nothing was written",
            (verdict.first_difference or "",),
        )
    return proof


def _package(
    parts: tuple[Part, ...], proofs: tuple[device.Proof, ...], interface: Interface, classes: Classes
) -> packagers.Android:
    binding = android.Binding.of(interface.name)
    proven = tuple(_fact(part, proof) for part, proof in zip(parts, proofs, strict=True))
    return packagers.Android(
        package=binding.package,
        api=max(api_level(part.request.profile) for part in parts),
        classes=classes.jar,
        file=binding.file,
        natives={part.abi: part.image.elf.read_bytes() for part in parts},
        dependency=None,
        input_bytes=sum(port.bytes for port in interface.inputs),
        output_bytes=sum(port.bytes for port in interface.outputs),
        facts=(*proven, *(f"Not proven: {fact}." for fact in UNPROVEN)),
    )


def _with_app(
    package: packagers.Android, interface: Interface, proof: device.Proof, stages: Stages
) -> packagers.Android:
    vectors = proof.vectors
    assert vectors.expected is not None
    few = dataclasses.replace(vectors, inputs=vectors.inputs[: proof.random], expected=vectors.expected[: proof.random])
    app = _android_apk.build(interface, package.classes, package.natives, package.api, few, stages)
    return dataclasses.replace(package, app=app)


def _fact(part: Part, proof: device.Proof) -> str:
    emulation = part.request.profile.emulation
    if emulation.emulator == "qemu_jvm":
        how = f"with the classes of this package in a Linux Java virtual machine ({JAVA.replace('==', ' ')})"
    else:
        how = "by a Linux program in place of Android's virtual machine; the classes took no part in that"
    same = f"all bytes of {proof.verdict.vectors} inferences equal {proof.verdict.oracle}'s"
    return f"{part.abi}: this very library ran on an emulated {emulation.cpu} CPU (QEMU, user mode) {how}; {same}."


def _report(request: Request, prepared: Model, parts: tuple[Part, ...], proofs: tuple[device.Proof, ...]) -> Report:
    first, proof = parts[0], proofs[0]
    flash = first.image.flash
    for part in parts[1:]:  # a device installs the code of one ABI: the largest counts
        flash = max(flash, part.image.flash, key=lambda flash: flash.total)
    arena = max(part.lowered.plan.arena_bytes for part in parts)
    ran: list[dict[str, Any]] = [
        {
            "abi": part.abi,
            "emulator": part.request.profile.emulation.emulator,
            "machine": part.request.profile.emulation.machine,
            "cpu": part.request.profile.emulation.cpu,
            "vectors": proof.verdict.vectors,
            "mismatched_bytes": proof.verdict.mismatched_bytes,
            "oracle": proof.verdict.oracle,
            "instructions": None,
            "per_operator": [],
        }
        for part, proof in zip(parts, proofs, strict=True)
    ]
    emulation = {key: value for key, value in ran[0].items() if key != "abi"}
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=outcome.model(request, prepared),
        flash=vars(flash),
        ram={"total": None, "arena": arena, "io": 0, "static": 0, "stack": None},
        emulation={**emulation, "abis": [{k: e[k] for k in ("abi", "emulator", "cpu", "vectors")} for e in ran]},
        accuracy=outcome.accuracy(prepared, proof),
        compression=tuple(vars(step) for step in prepared.compression),
        gates=(
            *budget.gates(flash.total, None, request.profile, request.config.budget),
            *outcome.gates(request, prepared, proof),
        ),
        tools={**prepared.tools, **outcome.versions(request), "java": JAVA},
        unproven=UNPROVEN,
    )
