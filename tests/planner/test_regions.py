"""Several memories: plans over random networks are executed byte by byte, by someone who knows only the rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from edgebuild import kernels, oracles, planner
from edgebuild.arena import Plan
from edgebuild.codegen.project import generate
from edgebuild.ir.graph import Graph
from edgebuild.planner import Buffer, Problem
from edgebuild.target.profile import Region
from tests.codegen import bench
from tests.codegen.test_streams import SANITIZERS, spatial, streamed_examples
from tests.passes.test_rewrites import Network

Cell = tuple[int, int] | None


def lost(problem: Problem, plan: Plan) -> str | None:
    """What goes wrong when ``plan`` is executed on one byte map for each memory; None if every byte survives.

    Each byte holds (buffer, index). An output that overlaps its operand writes at its distance behind what has been
    read, so what is overwritten there is allowed to be lost.
    """
    memory: list[list[Cell]] = [[None] * area.bytes for area in plan.areas]
    at: dict[int, int] = {}
    distance = {(o.output, o.operand): o.distance for o in problem.overlaps}

    def area(buffer: Buffer) -> int:
        if buffer.scratch_of is not None:
            return plan.scratch_areas[buffer.scratch_of]
        return plan.tensor_areas[buffer.tensors[0]]

    def write(number: int, offset: int, content: list[Cell]) -> bool:
        cells = memory[area(problem.buffers[number])]
        if offset < 0 or offset + len(content) > len(cells):
            return False
        cells[offset : offset + len(content)] = content
        at[number] = offset
        return True

    for node in range(-1, problem.nodes + 1):
        for move in plan.moves.get(node, ()):
            (number,) = (i for i, buffer in enumerate(problem.buffers) if buffer.tensors == move.tensors)
            cells = memory[area(problem.buffers[number])]
            if at.get(number) != move.source:
                return f"node {node}: buffer {number} is not where it is moved from"
            if not write(number, move.destination, cells[move.source : move.source + move.bytes]):
                return f"node {node}: buffer {number} is moved out of its memory"
        for number, buffer in enumerate(problem.buffers):
            if buffer.first == node:
                offset = plan.offsets[buffer.tensors[0]] if buffer.tensors else plan.scratch[node]
                if not write(number, offset, [(number, i) for i in range(buffer.bytes)]):
                    return f"node {node}: buffer {number} lies outside its memory"
        for number, buffer in enumerate(problem.buffers):
            if not buffer.first <= node <= buffer.last:
                continue
            found = memory[area(buffer)][at[number] : at[number] + buffer.bytes]
            for i, cell in enumerate(found):
                if cell == (number, i):
                    continue
                thief = cell[0] if cell else -1
                legal = problem.buffers[thief].first == node == buffer.last and (thief, number) in distance
                if not legal or at[number] - at[thief] < distance[thief, number]:
                    return f"node {node}: buffer {thief} destroys buffer {number}"
    return None


def memories(plan: Plan, *shares: float) -> list[Region]:
    """Memories of these shares of the arena that ``plan`` takes in one piece, each faster than the one before."""
    return [
        Region(f"M{i}", "ram", int(share * plan.arena_bytes) // 4 * 4, None, float(4**i))
        for i, share in enumerate(shares)
    ]


def drifting(seed: int) -> tuple[Graph, kernels.Selection, Plan]:
    """A chain of equally large layers, whose memory has room for two only if tensors are moved; one is kept apart."""
    net = Network(seed, (1, 12, 6, 4))
    for _ in range(6):
        spatial(net, "conv_2d", 3, 1, 4, same=True)
    graph = net.graph()
    selection = kernels.select(graph, frozenset())
    whole = planner.plan(graph, selection, "least")
    unstreamed = dataclasses.replace(whole, segments=())
    bound = planner.problem_of(graph, selection).lower_bound()
    plan = planner.spread(
        graph, selection, unstreamed, [Region("M0", "ram", bound), Region("M1", "ram", 64, None, 4.0)]
    )
    assert plan is not None and plan.moves
    return graph, selection, plan


@pytest.fixture(scope="module")
def spread_plans() -> list[tuple[Graph, kernels.Selection, Plan]]:
    """Plans of random networks that take two memories or three; with streams, moves and overlaps among them."""
    found = [drifting(seed) for seed in range(4)]
    for graph in streamed_examples(16):
        for features in (frozenset(), frozenset({"thumb", "thumb2", "dsp"})):
            selection = kernels.select(graph, features)
            for how in ("fastest", "least"):
                whole = planner.plan(graph, selection, how)
                for shares in ((0.7, 0.7), (2.0, 0.3), (0.5, 0.5, 0.5)):
                    plan = planner.spread(graph, selection, whole, memories(whole, *shares))
                    if plan is not None and len(plan.areas) > 1:
                        found.append((graph, selection, plan))
    return found


def test_no_byte_is_lost_in_any_memory(spread_plans):
    assert len(spread_plans) > 60
    assert sum(bool(plan.segments) for *_, plan in spread_plans) > 10
    assert sum(bool(plan.moves) for *_, plan in spread_plans) > 0
    for graph, selection, plan in spread_plans:
        problem = planner.problem_of(graph, selection, plan.segments)
        assert lost(problem, plan) is None
        assert plan.arena_bytes == sum(area.bytes for area in plan.areas)


def shrunk(plan: Plan) -> Plan:
    areas = (*plan.areas[:-1], dataclasses.replace(plan.areas[-1], bytes=plan.areas[-1].bytes - 4))
    return dataclasses.replace(plan, areas=areas)


def together(plan: Plan) -> Plan:
    everyone = dict.fromkeys(plan.tensor_areas, 0)
    return dataclasses.replace(plan, tensor_areas=everyone, scratch_areas=dict.fromkeys(plan.scratch_areas, 0))


def swapped(plan: Plan) -> Plan:
    other = {tensor: (area + 1) % len(plan.areas) for tensor, area in plan.tensor_areas.items()}
    return dataclasses.replace(plan, tensor_areas=other)


def unmoved(plan: Plan) -> Plan:
    return dataclasses.replace(plan, moves={})


def lower(plan: Plan) -> Plan:
    return dataclasses.replace(plan, offsets=dict.fromkeys(plan.offsets, 0))


@pytest.mark.parametrize("mutant", [shrunk, together, swapped, unmoved, lower])
def test_a_wrong_plan_is_seen(mutant: Callable[[Plan], Plan], spread_plans):
    """Each kind of mistake is found in most of the plans that it changes, in every one for most kinds."""
    seen, changed = 0, 0
    for graph, selection, plan in spread_plans:
        broken = mutant(plan)
        if broken != plan:
            changed += 1
            seen += lost(planner.problem_of(graph, selection, plan.segments), broken) is not None
    assert changed > 0
    assert seen == changed if mutant in (shrunk, unmoved) else seen > 0.6 * changed


@pytest.mark.slow
def test_the_generated_code_gives_the_same_bytes(spread_plans, tmp_path):
    """C with one buffer for each memory, under sanitizers; each buffer ends where the plan says."""
    made, graphs = [], []
    for number, (graph, _, plan) in enumerate(spread_plans):
        selection = kernels.select(graph, frozenset())
        named = dataclasses.replace(graph, name=f"net_{number}")
        again = planner.spread(named, selection, planner.plan(named, selection, "least"), list(plan.areas))
        if again is None or not again.areas or len(graphs) == 30:
            continue
        rows = np.random.default_rng(number).integers(0, 256, (2, named.tensors[0].bytes)).astype(np.uint8)
        made.append(bench.Entry(generate(named, again, selection), rows))
        graphs.append(named)
    assert sum(one.sources.interface.spread for one in made) >= 10
    for compiler, flags in (("gcc", SANITIZERS), ("clang-14", ("-O2",))):
        found = bench.run(made, tmp_path, flags, compiler)
        for graph, one, outputs in zip(graphs, made, found, strict=True):
            np.testing.assert_array_equal(outputs, oracles.find("numpy").run(b"", graph, one.inputs))


def test_what_is_touched_most_lies_in_the_fast_memory():
    """Of two memories that could each hold everything, the fast one does; a small one takes the densest buffers."""
    graph = streamed_examples(1)[0]
    selection = kernels.select(graph, frozenset({"thumb", "thumb2", "dsp"}))
    whole = planner.plan(graph, selection, "fastest")
    roomy = planner.spread(graph, selection, whole, memories(whole, 2.0, 2.0))
    assert roomy is not None and [area.name for area in roomy.areas] == ["M1"]
    problem = planner.problem_of(graph, selection, whole.segments)
    traffic = planner.touched(graph, selection, whole, problem)
    small = planner.spread(
        graph, selection, whole, [Region("SLOW", "ram", 1 << 20), Region("FAST", "ram", 64, None, 4.0)]
    )
    assert small is not None
    inside = [
        i
        for i, b in enumerate(problem.buffers)
        if small.areas[small.tensor_areas[b.tensors[0]] if b.tensors else small.scratch_areas[b.scratch_of]].name
        == "FAST"
    ]
    fitting = [i for i, b in enumerate(problem.buffers) if 0 < b.bytes <= 64]
    assert max(fitting, key=lambda i: traffic[i] / problem.buffers[i].bytes) in inside


def test_nothing_fits_memories_that_are_too_small():
    graph = streamed_examples(1)[0]
    selection = kernels.select(graph, frozenset())
    whole = planner.plan(graph, selection, "least")
    largest = max(buffer.bytes for buffer in planner.problem_of(graph, selection, whole.segments).buffers)
    tiny = [Region("A", "ram", largest - 4), Region("B", "ram", largest - 4)]
    assert planner.spread(graph, selection, whole, tiny) is None
