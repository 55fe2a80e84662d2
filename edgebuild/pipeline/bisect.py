"""Finds the first operator whose bytes differ, by proving ever shorter models."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebuild import emulators, kernels, ops, oracles, planner, toolchains
from edgebuild.artifacts import Vectors
from edgebuild.codegen.harness import harness
from edgebuild.codegen.project import generate
from edgebuild.ir.graph import Graph
from edgebuild.oracles.numpy import values
from edgebuild.pipeline.request import Request
from edgebuild.reports import budget

SECONDS = 600.0
"""Time limit of each run: one inference of a part of the model."""


def first_difference(graph: Graph, selection: kernels.Selection, row: np.ndarray, request: Request) -> str:
    """Words for the first operator that goes wrong on the vector ``row``, computed by the kernels of ``selection``.

    The model is cut after an operator in the middle of what is left, and that part is built and run,
    until one operator remains.
    """
    known = values(graph, row)
    steps = [n for n, node in enumerate(graph.nodes) if not ops.find(node.op).alias]
    right, wrong = -1, len(steps) - 1
    if _is_right(graph, selection, steps[wrong], row, known, request):
        return "no operator differs when the model is cut; the memory plan of the whole model is suspect"
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if _is_right(graph, selection, steps[middle], row, known, request):
            right = middle
        else:
            wrong = middle
    node = graph.nodes[steps[wrong]]
    kernel = selection[steps[wrong]]
    assert kernel is not None
    return (
        f"the first operator that differs is {ops.tflite_name(node)} {node.name!r}, "
        f"node {steps[wrong]}, kernel {kernel.template}"
    )


def _is_right(
    graph: Graph,
    selection: kernels.Selection,
    last: int,
    row: np.ndarray,
    known: dict[int, np.ndarray],
    request: Request,
) -> bool:
    """Whether the model cut after node ``last`` gives the right bytes."""
    outputs = graph.nodes[last].outputs
    part = replace(graph, nodes=graph.nodes[: last + 1], outputs=outputs)
    selection = selection[: last + 1]
    plan = planner.plan(part, selection, "fastest")
    if len(request.profile.regions("ram")) > 1:
        plan = planner.spread(part, selection, plan, budget.room(request.profile)) or plan
    sources = generate(part, plan, selection)
    with tempfile.TemporaryDirectory(prefix="edgebuild-bisect-") as name:
        folder = Path(name)
        library = toolchains.build_library(request.profile, sources, folder)
        program = harness(sources.interface, request.profile)
        image = toolchains.link(request.profile, sources, library, program, folder)
        expected = oracles.join([known[i] for i in outputs])
        asked = Vectors(row[None], expected[None], "numpy")
        run = emulators.run(request.profile, image, asked, folder / "exchange", SECONDS, count=False)
    return bool(np.array_equal(run.outputs[0], expected))
