"""What a model takes on its target, by compiler and emulator, without any proof that it answers right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import cache, emulators, ops
from edgebuild.artifacts import Image, Run, Sources, Step, Vectors
from edgebuild.ir.graph import Node
from edgebuild.pipeline import device
from edgebuild.pipeline.request import Request, own_digest
from edgebuild.pipeline.stages import Stages
from edgebuild.validate import vectors


@dataclass(frozen=True)
class Figures:
    """Measured on a linked image.

    Attributes:
        flash: weights and code.
        ram: arena, static data and the stack's peak; None where the emulator cannot measure the stack.
        instructions: of one inference; None where they are not counted.
    """

    flash: int
    ram: int | None
    instructions: int | None


def measured(lowered: device.Lowered, request: Request, stages: Stages) -> Figures:
    """Compile ``lowered`` and run it once.

    Raises:
        BudgetError: it does not fit the target's memory.
        ToolError: compiler or emulator are missing, or fail.
    """
    sources = device.generate_sources(lowered, request)
    image = device.compile_image(sources, request, stages)
    key = cache.key(own_digest(), cache.file_digest(image.elf), device.identity(request))

    def work(folder: Path) -> None:
        fed = Vectors(vectors.random_inputs(sources.interface, 1), None, "")
        limit = 120 + (device.total_macs(lowered.graph) * 60 + 1_000_000) / 20e6
        run = emulators.run(request.profile, image, fed, folder / "exchange", limit, cache=cache.root() / "tools")
        (folder / "run.json").write_text(json.dumps({"stack": run.stack_bytes, "instructions": run.instructions}))

    run = json.loads((stages.stored("run", key, work) / "run.json").read_text())
    return figures(lowered, image, run["stack"], run["instructions"])


def figures(lowered: device.Lowered, image: Image, stack: int | None, instructions: int | None) -> Figures:
    """Of an image and what was seen of it in the emulator: the stack's peak, and instructions of one inference."""
    ram = None if stack is None else lowered.plan.arena_bytes + image.static_bytes + stack
    return Figures(image.flash.total, ram, instructions)


def nodes_of(step: Step, lowered: device.Lowered) -> tuple[Node, ...]:
    """The operators that one call of the inference computes: one, those of a stream, or none for a copy."""
    if step.node is None:
        return ()
    last = next((s.last for s in lowered.plan.segments if s.first == step.node), step.node)
    return lowered.graph.nodes[step.node : last + 1]


def per_operator(sources: Sources, run: Run, lowered: device.Lowered) -> list[dict[str, Any]]:
    """Executed instructions and multiply-accumulates of each call, in order; nothing if calls were not told apart."""

    def macs(step: Step) -> int:
        return sum(ops.find(node.op).cost(node, lowered.graph).macs for node in nodes_of(step, lowered))

    return [
        {"op": step.op, "name": step.name, "instructions": count, "macs": macs(step)}
        for step, count in zip(sources.steps, run.per_step, strict=False)
    ]
