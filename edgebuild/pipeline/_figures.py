"""What a model takes on its target, by compiler and emulator, without any proof that it answers right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edgebuild import cache, emulators
from edgebuild.artifacts import Vectors
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
    stack = run["stack"]
    ram = None if stack is None else lowered.plan.arena_bytes + image.static_bytes + stack
    return Figures(image.flash.total, ram, run["instructions"])
