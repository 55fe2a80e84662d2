"""An Android package for a model that generated C cannot run: its file, and the dependency on LiteRT.

Nothing of it is executed here, and the report says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgebuild import __version__, packagers
from edgebuild.artifacts import Interface, Port, Sources
from edgebuild.codegen import android, environment
from edgebuild.errors import UnsupportedError, UsageError
from edgebuild.pipeline import bundle, outcome
from edgebuild.pipeline._android_java import compile_classes
from edgebuild.pipeline.labels import labels
from edgebuild.pipeline.texts import texts
from edgebuild.reports.report import Report
from edgebuild.toolchains.clang_android import api_level

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph
    from edgebuild.pipeline.model import Model
    from edgebuild.pipeline.request import Request
    from edgebuild.pipeline.stages import Stages

DEPENDENCY = "com.google.ai.edge.litert:litert:1.4.2"
"""The last line of LiteRT that is the Interpreter alone; it runs from API level 21 on."""

_UNPROVEN = (
    f"the model was not executed: generated C cannot run it, and {DEPENDENCY} is for Android alone",
    "whether that runtime knows every operator of the model, in its version: see what it says on a device",
)


def build(prepared: Model, refused: UnsupportedError, request: Request, stages: Stages) -> Report:
    """The package without native code.

    Args:
        refused: which operators generated C lacks.

    Raises:
        UsageError: a gate or a package needs what only generated C has.
    """
    report = check(prepared, refused, request, stages)
    interface = _interface(prepared.graph)
    classes = compile_classes(interface, labels(interface, request), DEPENDENCY, request, stages)
    binding = android.Binding.of(interface.name)
    report = dataclasses.replace(report, tools={**prepared.tools, **outcome.versions(request)})
    with stages.stage("pack"):
        product = packagers.Product(
            profile=request.profile,
            interface=interface,
            sources=Sources(interface, (), (), "", ()),
            tflite=prepared.content,
            example=(),
            image=None,
            render=environment.render,
            texts=texts(),
            android=packagers.Android(
                package=binding.package,
                api=api_level(request.profile),
                classes=classes.jar,
                file=binding.file,
                natives={},
                dependency=DEPENDENCY,
                input_bytes=sum(port.bytes for port in interface.inputs),
                output_bytes=sum(port.bytes for port in interface.outputs),
                facts=tuple(f"Not proven: {fact}." for fact in _UNPROVEN),
            ),
        )
        report = bundle.write(request, product, report, "")
        request.remember(report.as_json(), dict(prepared.read))
    return Report.from_json({**report.as_json(), "seconds": stages.seconds})


def check(prepared: Model, refused: UnsupportedError, request: Request, stages: Stages) -> Report:
    """What is known of such a package before it is made; says aloud which operators are the reason.

    Raises:
        UsageError: a gate or a package needs what only generated C has.
    """
    _insist_on_possible(refused, request)
    for line in (f"{refused.place}: {refused.rule}, so the package depends on LiteRT instead", *refused.details):
        stages.listener.warn(line)
    stages.listener.warn(_UNPROVEN[0])
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=outcome.model(request, prepared),
        compression=tuple(vars(step) for step in prepared.compression),
        unproven=_UNPROVEN,
    )


def _insist_on_possible(refused: UnsupportedError, request: Request) -> None:
    wanted, limits = request.config.gates, request.config.budget
    if any(value is not None for value in (*vars(wanted).values(), *vars(limits).values())):
        raise UsageError(
            "gates and budget",
            f"cannot be measured: {refused.place} runs on LiteRT, which is not executed here",
            "remove them for this target, or change the layers named here",
            refused.details,
        )
    for name in request.packages:
        if name not in ("android_aar", "c_array"):
            raise UsageError(
                "packages",
                f"{name} needs generated C, and {refused.rule.replace('this model', 'the model')}",
                f"remove {name} from packages, or change the layers named here",
                refused.details,
            )


def _interface(graph: Graph) -> Interface:
    """Inputs and outputs as LiteRT sees them: no arena, and no place in it."""

    def ports(indices: Iterable[int]) -> tuple[Port, ...]:
        found = (graph.tensors[i] for i in indices)
        return tuple(Port(t.name, t.dtype.value, t.shape, t.bytes, 0, t.scale, t.zero_point) for t in found)

    return Interface(graph.name, 0, 1, ports(graph.inputs), ports(graph.outputs))
