"""The device half of the line: from a graph to a program that an emulator has proven."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebuild import cache, emulators, kernels, ops, oracles, passes, planner, toolchains
from edgebuild.arena import Plan
from edgebuild.artifacts import Flash, Image, Run, Sources, Vectors, Verdict
from edgebuild.codegen.harness import harness
from edgebuild.codegen.project import generate
from edgebuild.errors import UsageError
from edgebuild.ir.graph import ABSENT
from edgebuild.ir.verify import verify
from edgebuild.pipeline.answer import expect as expect_bytes
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.stages import Stages
from edgebuild.reports import budget
from edgebuild.validate import accuracy, compare, vectors

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph
    from edgebuild.pipeline.model import Model

PASSES = ("fold_constants", "fold_pad", "drop_channels", "remove_unused")
"""Rewrites, in this order."""


@dataclass(frozen=True)
class Saving:
    """What a pass took away.

    Attributes:
        name: the pass.
        operators: how many went.
        macs: multiply-accumulates an inference.
        weights: bytes of constants.
    """

    name: str
    operators: int
    macs: int
    weights: int


@dataclass(frozen=True, eq=False)
class Lowered:
    """A graph that the target can run, with which kernels, and where its tensors live."""

    graph: Graph
    selection: kernels.Selection
    plan: Plan
    saved: tuple[Saving, ...] = ()


@dataclass(frozen=True, eq=False)
class Proof:
    """What the emulated core answered.

    Attributes:
        run: over the random vectors and the evaluation samples, in this order.
        random: how many of its vectors are random.
        host_accuracy, device_accuracy: on the evaluation samples, 0 to 1; None without labels.
    """

    vectors: Vectors
    run: Run
    verdict: Verdict
    random: int
    host_accuracy: float | None
    device_accuracy: float | None


def lower(graph: Graph, request: Request) -> Lowered:
    """Rewrite, check and plan ``graph``.

    Raises:
        UnsupportedError: an operator cannot be run; all of them are listed.
        BudgetError: weights or arena alone are too large.
        UsageError: the graph reads a tensor that nothing makes.
    """
    try:
        verify(graph)
    except AssertionError as error:
        ops.check(graph, request.profile.operators, request.profile.name)
        rule = f"cannot run as it is: {error}"
        raise UsageError(graph.name, rule, "export the model again, without state") from error
    graph, saved = _rewritten(graph, request.config.skip_passes)
    ops.check(graph, request.profile.operators, request.profile.name)
    budget.check_constants(graph, request.profile, request.config.budget)
    most, _ = budget.limit("ram", request.profile, request.config.budget)
    chosen = None
    for lowered in _planned(graph, request):
        placed = _placed(lowered, request)
        chosen = placed or chosen
        if placed is not None and (not most or placed.plan.arena_bytes <= most):
            break
    if chosen is None:
        raise budget.refuse_placement(graph, lowered.plan, request.profile)
    budget.check_arena(graph, chosen.plan, request.profile, request.config.budget)
    return replace(chosen, saved=saved)


def _rewritten(graph: Graph, skipped: tuple[str, ...]) -> tuple[Graph, tuple[Saving, ...]]:
    """``graph`` after all passes but ``skipped``, and what each of them saved."""
    saved = []
    for name in PASSES:
        if name in skipped:
            continue
        before = graph
        graph = passes.find(name).run(graph)
        verify(graph)
        operators = len(before.nodes) - len(graph.nodes)
        weights = _weights(before) - _weights(graph)
        saved.append(Saving(name, operators, total_macs(before) - total_macs(graph), weights))
    return graph, tuple(saved)


def _weights(graph: Graph) -> int:
    """Bytes of the constants that operators read; tensors that nobody reads go at the end."""
    read = {index for node in graph.nodes for index in node.inputs if index != ABSENT}
    return sum(graph.tensors[index].bytes for index in read if graph.tensors[index].constant)


def _planned(graph: Graph, request: Request) -> Iterator[Lowered]:
    """``graph`` as its user wants it, then with ever less memory."""
    features, config = request.profile.cpu.features, request.config
    plan = functools.partial(planner.plan, graph, pushed=config.input == "pushed")
    # streams and moves are code: balanced against size, they come when RAM demands them
    small = config.optimize == "size" and config.memory == "balanced"
    wishes: tuple[kernels.Optimize, ...] = ("fastest", "speed") if config.optimize == "fastest" else (config.optimize,)
    for optimize in wishes:
        selection = kernels.select(graph, features, optimize, config.compact_weights)
        yield Lowered(graph, selection, plan(selection, "fastest" if small else config.memory))
        if config.memory != "least":
            yield Lowered(graph, selection, plan(selection, "least"))
    selection = kernels.lean(graph, features, config.compact_weights)
    yield Lowered(graph, selection, plan(selection, "least"))


def _placed(lowered: Lowered, request: Request) -> Lowered | None:
    """The same over all memories of the target; None where a tensor finds no place in them."""
    if len(request.profile.regions("ram")) < 2:
        return lowered
    plan = planner.spread(lowered.graph, lowered.selection, lowered.plan, budget.room(request.profile))
    return None if plan is None else replace(lowered, plan=plan)


def generate_sources(lowered: Lowered, request: Request) -> Sources:
    """The C of the model."""
    return generate(lowered.graph, lowered.plan, lowered.selection, small=request.config.optimize == "size")


def compile_image(sources: Sources, request: Request, stages: Stages) -> Image:
    """The library and the program around it.

    Raises:
        BudgetError: it does not fit flash or RAM.
        ToolError: the compiler.
    """
    program = harness(sources.interface, request.profile)
    key = cache.key(own_digest(), sources, program, request.profile.cpu, request.profile.memory, identity(request))

    def work(folder: Path) -> None:
        library = toolchains.build_library(request.profile, sources, folder)
        image = toolchains.link(request.profile, sources, library, program, folder)
        record = {**asdict(image), **{f: getattr(image, f).name for f in ("elf", "map", "library")}, "folder": ""}
        (folder / "image.json").write_text(json.dumps(record))

    folder = stages.stored("compile", key, work)
    return _image(folder, json.loads((folder / "image.json").read_text()))


def _image(folder: Path, found: dict[str, Any]) -> Image:
    paths = {name: folder / found[name] for name in ("elf", "map", "library")}
    return Image(
        folder=folder,
        **paths,
        flash=Flash(**found["flash"]),
        static_bytes=found["static_bytes"],
        step_addresses=tuple(found["step_addresses"]),
        invoke=tuple(found["invoke"]),
        symbols={name: tuple(span) for name, span in found["symbols"].items()},
    )


def identity(request: Request) -> list[list[Any]]:
    """Which compiler and emulator are installed."""
    return tools_identity(request.profile)


def expect(sources: Sources, model: Model, request: Request, stages: Stages) -> tuple[Vectors, int]:
    """Inputs, and what TFLite answers; and how many of them are random, the rest being evaluation samples."""
    interface = sources.interface
    rows = [vectors.random_inputs(interface, request.config.vectors)]
    if model.evaluation is not None:
        rows.append(vectors.sample_inputs(interface, [np.load(path) for path in model.evaluation.inputs]))
    inputs = np.concatenate(rows)
    key = cache.key(own_digest(), cache.digest(model.content), cache.digest(inputs.tobytes()), oracles.best())

    def work(folder: Path) -> None:
        answer, warnings = expect_bytes(model.content, model.graph, inputs, folder)
        assert answer.expected is not None
        np.save(folder / "answer.npy", answer.expected)
        (folder / "answer.json").write_text(json.dumps({"oracle": answer.oracle, "warnings": warnings}))

    folder = stages.stored("expect", key, work)
    noted = json.loads((folder / "answer.json").read_text())
    for text in noted["warnings"]:
        stages.listener.warn(text)
    return Vectors(inputs, np.load(folder / "answer.npy"), noted["oracle"]), request.config.vectors


def prove(
    sources: Sources,
    image: Image,
    asked: tuple[Vectors, int],
    model: Model,
    request: Request,
    stages: Stages,
    beside: str = "",
) -> Proof:
    """Run the program in the emulator and compare every byte.

    Args:
        beside: hash of what takes part in the run besides the program, in the image's folder.

    Raises:
        ToolError: the emulator is missing or hangs.
        MismatchError: the program faults or writes outside the arena.
    """
    inputs, random = asked
    profile = request.profile
    fed = cache.digest(inputs.inputs.tobytes())
    key = cache.key(own_digest(), cache.file_digest(image.elf), fed, identity(request), beside)
    macs = total_macs(model.graph)
    # QEMU executes tens of millions of instructions a second at the least, on a machine that does other work too
    limit = request.config.timeout or 120 + len(inputs.inputs) * (macs * 60 + 1_000_000) / 20e6

    def work(folder: Path) -> None:
        run = emulators.run(profile, image, inputs, folder / "exchange", limit, cache=cache.root() / "tools")
        np.save(folder / "outputs.npy", run.outputs)
        facts = {f: getattr(run, f) for f in ("stack_bytes", "instructions", "per_step", "warnings")}
        (folder / "run.json").write_text(json.dumps(facts))

    folder = stages.stored("run", key, work)
    facts = json.loads((folder / "run.json").read_text())
    run = Run(
        outputs=np.load(folder / "outputs.npy"),
        stack_bytes=facts["stack_bytes"],
        instructions=facts["instructions"],
        per_step=tuple(facts["per_step"]),
        command=(),
        warnings=tuple(facts["warnings"]),
    )
    for text in run.warnings:
        stages.listener.warn(text)
    verdict = compare.compare(sources.interface, inputs, run)
    host, device = _accuracies(sources, inputs, run, model, random)
    return Proof(inputs, run, verdict, random, host, device)


def _accuracies(
    sources: Sources, inputs: Vectors, run: Run, model: Model, random: int
) -> tuple[float | None, float | None]:
    if model.evaluation is None or model.evaluation.labels is None:
        return None, None
    labels = np.load(model.evaluation.labels)
    assert inputs.expected is not None
    host, device = (
        accuracy.accuracy(sources.interface, outputs[random:], labels) for outputs in (inputs.expected, run.outputs)
    )
    return host, device


def total_macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference."""
    return sum(ops.find(n.op).cost(n, graph).macs for n in graph.nodes if ops.known(n.op))


def picture(lowered: Lowered) -> str:
    """The arena over time, as SVG."""
    problem = planner.problem_of(lowered.graph, lowered.selection, lowered.plan.segments)
    return planner.svg(lowered.graph, problem, lowered.plan)
