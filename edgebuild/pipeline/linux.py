"""The line for a Linux board with a TFLite runtime: no code is generated, the runtime itself is proven.

The runner, the library and the model that are packed run on the emulated core.  Two things are compared with what
comes out: the same version of the runtime on this machine, where every byte has to be equal, and the reference
kernels, from which the runtime's own kernels differ by a few units.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from edgebuild import __version__, emulators, ops, packagers
from edgebuild.artifacts import Flash, Image, Interface, Port
from edgebuild.codegen import environment
from edgebuild.codegen.board import Board
from edgebuild.codegen.board import library as library_of
from edgebuild.errors import MismatchError, UnsupportedError
from edgebuild.packagers import Bundle
from edgebuild.pipeline import _linux_softmax, bundle, model, outcome
from edgebuild.pipeline._linux_files import compose
from edgebuild.pipeline._linux_proof import Made, Proof, prove, side, steps
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.runtimes import Runtime, kernel, system
from edgebuild.pipeline.stages import Stages
from edgebuild.pipeline.texts import texts as licences
from edgebuild.reports import budget
from edgebuild.reports.report import Gate, Report
from edgebuild.validate import agreement

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph, Tensor
    from edgebuild.pipeline.model import Model


def build(request: Request, stages: Stages) -> Report:
    """Build, prove and pack; see :func:`edgebuild.pipeline.build`."""
    runtime = _runtime(request)
    prepared = model.prepare(request, stages)
    check_operators(prepared.graph, request, runtime)
    made = side(runtime).make(board_of(prepared.graph, request, runtime), runtime, request, stages)
    proof = prove(made, prepared, runtime, request, stages)
    exceptions = _insist_on_bytes(proof, made, prepared, request, stages)
    report = _report(request, prepared, made, proof, exceptions)
    if proof.peak_bytes is not None:
        budget.check_ram(proof.peak_bytes, prepared.graph, request.profile, request.config.budget)
    outcome.insist_on_gates(report, request)
    with stages.stage("pack"):
        composed = _bundle(made, prepared, proof, report, request)
        report = bundle.write(request, _product(made, composed, prepared, request), report, "")
        request.remember(report.as_json(), dict(prepared.read))
    return Report.from_json({**report.as_json(), "seconds": stages.seconds})


def check(request: Request, stages: Stages) -> Report:
    """Whether the runtime of the target can run the model; nothing is downloaded or compiled."""
    prepared = model.prepare(request, stages)
    check_operators(prepared.graph, request, _runtime(request))
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=outcome.model(request, prepared),
        compression=tuple(vars(step) for step in prepared.compression),
    )


def _runtime(request: Request) -> Runtime:
    runtime = system(request.profile).runtime
    if runtime is None:
        raise UnsupportedError(
            f"target {request.profile.name}", "there is no TFLite runtime for it", 'choose engine = "c"'
        )
    return runtime


def check_operators(graph: Graph, request: Request, runtime: Runtime) -> None:
    """Insist that the runtime knows every operator in the version that the model has.

    Raises:
        UnsupportedError: with one line a node, all of them.
    """
    limits, target = request.profile.operators, request.profile.name
    lines = []
    for node in graph.nodes:
        name = ops.tflite_name(node)
        most = limits.versions.get(name)
        if name in limits.refused or (limits.allowed is not None and name not in limits.allowed):
            lines.append(f"{name} {node.name!r}: the profile of {target} does not allow it")
        elif most is None:
            lines.append(f"{name} {node.name!r}: {runtime.title} does not have it")
        elif node.version > most:
            lines.append(f"{name} {node.name!r}: version {node.version}, and {runtime.title} has it up to {most}")
    if lines:
        plural = "s" if len(lines) > 1 else ""
        raise UnsupportedError(
            graph.name,
            f"{runtime.title}, the runtime of {target}, cannot run {len(lines)} operator{plural} of this model",
            "change the layers named above, convert with an older TensorFlow, or choose a target with a newer runtime",
            tuple(lines),
        )


def board_of(graph: Graph, request: Request, runtime: Runtime) -> Board:
    """What the bundle's texts need to know; the border is that of the model file, there is no arena of ours."""
    inputs, outputs = (tuple(_port(graph.tensors[i]) for i in indices) for indices in (graph.inputs, graph.outputs))
    found = Board(
        interface=Interface(graph.name, 0, 1, inputs, outputs),
        engine="litert",
        machines=system(request.profile).machines,
        program="",
        runtime=runtime.version,
        requirement=f"{runtime.package}=={runtime.version}",
        module=runtime.module,
        numpy=runtime.numpy,
    )
    return dataclasses.replace(found, program=f"bin/{found.command}")


def _port(tensor: Tensor) -> Port:
    return Port(tensor.name, tensor.dtype.value, tensor.shape, tensor.bytes, 0, tensor.scale, tensor.zero_point)


def _insist_on_bytes(proof: Proof, made: Made, prepared: Model, request: Request, stages: Stages) -> tuple[str, ...]:
    """Insist that the board's bytes are those of the same runtime on this machine; what that does not cover, in words.

    Raises:
        MismatchError: they are not.
    """
    verdict, expected, graph = proof.device.verdict, proof.device.vectors.expected, prepared.graph
    interface, outputs = made.board.interface, proof.device.run.outputs
    assert expected is not None
    if not verdict.mismatched_bytes:
        return ()
    if agreement.rounding_only(interface, outputs, expected):
        return (
            f"{verdict.mismatched_bytes} output bytes differ from {verdict.oracle}, by float rounding alone: "
            "sums are made in another order there",
        )
    error = MismatchError(
        f"{request.config.name} on {request.profile.name}",
        f"{verdict.mismatched_bytes} output bytes of {verdict.vectors} inferences differ from {verdict.oracle}",
        "report this as a bug with the model; nothing was written",
        (verdict.first_difference or "",),
    )
    part = _linux_softmax.before(prepared, str(request.config.model))
    if part is None:
        raise error
    units = agreement.agreement(interface, outputs, expected, steps(graph)).units
    if _linux_softmax.last(graph) and units > _linux_softmax.UNITS:
        raise error
    runtime = _runtime(request)
    shorter = side(runtime).make(board_of(part.graph, request, runtime), runtime, request, stages)
    if prove(shorter, part, runtime, request, stages).device.verdict.mismatched_bytes:
        raise error
    node = _linux_softmax.first(graph)
    assert node is not None
    return (
        f"{verdict.mismatched_bytes} output bytes differ from {verdict.oracle} by at most {units:g} units: SOFTMAX "
        f"{node.name!r} is computed otherwise on this CPU; all bytes in front of it are equal",
    )


def _report(request: Request, prepared: Model, made: Made, proof: Proof, exceptions: tuple[str, ...]) -> Report:
    emulation, verdict, runtime = request.profile.emulation, proof.device.verdict, _runtime(request)
    installed = ("bin/", "lib/libLiteRt", "python/site/")
    code = sum(len(f.content) for f in side(runtime).files(made) if f.path.startswith(installed))
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=outcome.model(request, prepared),
        flash={"total": code + len(prepared.content), "weights": len(prepared.content), "code": code},
        ram=None if proof.peak_bytes is None else {"total": proof.peak_bytes, **dict.fromkeys(_UNKNOWN)},
        emulation={
            "emulator": emulation.emulator,
            "machine": emulation.machine,
            "cpu": emulation.cpu,
            "vectors": verdict.vectors,
            "mismatched_bytes": verdict.mismatched_bytes,
            "oracle": verdict.oracle,
            "instructions": None,
            "per_operator": [],
            "runtime": runtime.title,
            "reference": _against(proof),
        },
        accuracy=outcome.accuracy(prepared, proof.device),
        compression=tuple(vars(step) for step in prepared.compression),
        gates=(
            *budget.gates(None, proof.peak_bytes, request.profile, request.config.budget),
            *outcome.gates(request, prepared, proof.device),
            *_agreement_gate(request, proof),
        ),
        tools={**prepared.tools, **outcome.versions(request), "runtime": runtime.title, **kernel(request.profile)},
        unproven=(*exceptions, *UNPROVEN, *side(runtime).UNPROVEN),
    )


AGREEMENT = 0.9
"""Least share of labelled samples with the class of the reference kernels, unless gates.agreement says another."""

UNPROVEN = (
    "no board was at hand: its clock, memory timing, devices and firmware are not emulated",
    "systemd did not start the units",
)
"""What no emulator has shown; the report says so."""


_UNKNOWN = ("arena", "io", "static", "stack")
"""Parts of RAM that the runtime does not tell apart."""


def _against(proof: Proof) -> dict[str, Any] | None:
    found = proof.reference
    if found is None:
        return None
    return {
        "oracle": proof.oracle,
        "mismatched_bytes": found.mismatched_bytes,
        "largest_difference": found.units,
        "same_class": proof.same_class,
    }


def _agreement_gate(request: Request, proof: Proof) -> tuple[Gate, ...]:
    """On the evaluation samples where there are some, else on the random inputs, and there only if asked for."""
    wanted = request.config.gates.agreement
    if wanted is None:
        if proof.device.device_accuracy is None or proof.same_class is None:
            return ()
        wanted = AGREEMENT
    return (Gate("agreement", wanted, proof.same_class, proof.same_class is not None and proof.same_class >= wanted),)


def _bundle(made: Made, prepared: Model, proof: Proof, report: Report, request: Request) -> Bundle:
    runtime = _runtime(request)
    runner, profile = side(runtime), request.profile
    where = emulators.find(profile.emulation.emulator).label(profile)
    verdict, differing = proof.device.verdict, proof.device.verdict.mismatched_bytes
    facts = {
        "proof": f"{verdict.vectors} inferences in {where}, all bytes {f'but {differing} ' if differing else ''}"
        f"equal to those of {runtime.title} on the machine that built it",
        "unproven": report.unproven,
    }
    needs = runner.needs(made)
    return compose(
        made.board,
        system(profile),
        request,
        prepared.content,
        runner.files(made),
        (proof.device.vectors.inputs, proof.device.run.outputs),
        needs,
        facts,
    )


def _product(made: Made, composed: Bundle, prepared: Model, request: Request) -> packagers.Product:
    name = made.board.interface.name
    library, program = made.folder / "lib" / f"lib{name}.a", made.folder / made.board.program
    image = Image(made.folder, program, program, library, Flash(0, 0, 0), 0, (), (0, 0))
    return packagers.Product(
        profile=request.profile,
        interface=made.board.interface,
        sources=library_of(made.board),
        tflite=prepared.content,
        example=(),
        image=image,
        render=environment.render,
        texts=licences(),
        bundle=composed,
    )
