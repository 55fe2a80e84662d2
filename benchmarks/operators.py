"""Executed instructions of each operator: for each multiply-accumulate, and beside what the inner loops alone take.

``benchmarks/models.py --operators`` prints it.
"""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import config, ops
from edgebuild.artifacts import Image, Sources
from edgebuild.ir.graph import Graph, Node
from edgebuild.pipeline import _figures, device, model
from edgebuild.pipeline.device import Lowered
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Silent, Stages

BOUNDS = tomllib.loads((Path(__file__).parent / "bounds.toml").read_text())
CLASSES = ("mve", "dsp", "thumb2", "thumb")
"""Features that bounds are stated for, the richest first."""


@dataclass(frozen=True, eq=False)
class Built:
    """A model as it is deployed on a core, from the cache of the build that proved it."""

    request: Request
    lowered: Lowered
    sources: Sources
    image: Image


def built(given: dict[str, Any], core: str) -> Built:
    """What ``edgebuild`` makes of the settings ``given``."""
    with tempfile.TemporaryDirectory() as output:
        request = Request.of(config.load(None, {**given, "output": output}), core)
        stages = Stages(core, Silent(), use_cache=True)
        lowered = device.lower(model.prepare(request, stages).graph, request)
        sources = device.generate_sources(lowered, request)
        return Built(request, lowered, sources, device.compile_image(sources, request, stages))


def bound(nodes: tuple[Node, ...], graph: Graph, features: frozenset[str]) -> float | None:
    """Instructions that the inner loops of ``nodes`` take alone; None if one of them has no stated bound."""
    stated = BOUNDS[next(name for name in CLASSES if name in features)]
    total = 0.0
    for node in nodes:
        terms = stated.get(node.op)
        if ops.find(node.op).alias:
            continue
        if terms is None:
            return None
        cost = ops.find(node.op).cost(node, graph)
        taken = {"mac": cost.macs, "output": cost.elements, "read": cost.reads}
        total += sum(value * taken[name] for name, value in terms.items())
    return total or None


def table(per_operator: list[dict[str, Any]], made: Built) -> list[dict[str, Any]]:
    """The report's ``per_operator`` with instructions a multiply-accumulate, the bound, and the ratio to it."""
    rows = []
    for step, row in zip(made.sources.steps, per_operator, strict=True):
        nodes = _figures.nodes_of(step, made.lowered)
        least = bound(nodes, made.lowered.graph, made.request.profile.cpu.features)
        each = row["instructions"] / row["macs"] if row["macs"] else None
        ratio = row["instructions"] / least if least else None
        rows.append(
            {
                **row,
                "instructions_per_mac": None if each is None else round(each, 4),
                "bound": None if least is None else round(least),
                "ratio_to_bound": None if ratio is None else round(ratio, 3),
            }
        )
    return rows


def show(name: str, rows: list[dict[str, Any]]) -> None:
    """One line an operator; ``-`` where there is nothing to divide by."""
    print(f"\n{name:52}{'instructions':>14}{'MACs':>12}{'a MAC':>8}{'bound':>12}{'ratio':>7}")
    for row in rows:
        each, least, ratio = (row[key] for key in ("instructions_per_mac", "bound", "ratio_to_bound"))
        print(
            f"  {row['op']:18}{row['name'][-31:]:32}{row['instructions']:14,}{row['macs']:12,}"
            f"{'-' if each is None else format(each, '.3f'):>8}{'-' if least is None else format(least, ','):>12}"
            f"{'-' if ratio is None else format(ratio, '.2f'):>7}"
        )
