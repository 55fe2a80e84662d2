"""``edgebuild inspect``: what a model consists of, without building anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph


@dataclass(frozen=True)
class Memory:
    """The arena over time, as lines for a terminal and as an SVG element."""

    arena_bytes: int
    lines: tuple[str, ...]
    svg: str


@dataclass(frozen=True)
class Inspection:
    """What a model file says; figures that only a ``.tflite`` has are None for other formats.

    Attributes:
        memory: pictures of the arena, where it could be planned.
    """

    found: dict[str, Any]
    memory: Memory | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return self.found


def inspect(model: Path, target: str | None = None) -> Inspection:
    """Operators, MACs and memory of ``model``; TensorFlow is not needed for any format.

    Args:
        target: whose kernels and memory decide the plan of the arena; portable kernels without one.

    Raises:
        UsageError: it is not a model, or is damaged; or there is no such target.
    """
    from edgebuild import loaders

    kind = loaders.recognise(model)
    return _tflite(model, target) if kind == "tflite" else _layers(model, kind)


def shapes(model: Path) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], tuple[int, ...] | None]:
    """Name and shape of each input of ``model``, and shape of its first output, without batch.

    No inputs, or None, where its file states none.

    Raises:
        UsageError: it is not a model, or is damaged.
    """
    from edgebuild import frontends, loaders

    kind = loaders.recognise(model)
    if kind != "tflite":
        found = loaders.find(kind).inspect(model, allow_unsafe=True)
        return found.inputs, found.output
    graph = frontends.find("tflite").read(model.read_bytes(), "model", str(model))
    given = [graph.tensors[index] for index in graph.inputs]
    return tuple((one.name, one.shape[1:]) for one in given), graph.tensors[graph.outputs[0]].shape[1:]


def _layers(model: Path, kind: str) -> Inspection:
    from edgebuild import loaders

    found = loaders.find(kind).inspect(model, allow_unsafe=True)
    operators = [{"index": i, "op": layer.class_name, "name": layer.name} for i, layer in enumerate(found.layers)]
    unknown = dict.fromkeys(("tflite_bytes", "macs", "weights", "arena_bytes"))
    name = f"{model.name} ({found.writer})"
    return Inspection({"schema_version": 1, "name": name, "operators": operators, **unknown})


def _tflite(model: Path, target: str | None) -> Inspection:
    from edgebuild import frontends, ops
    from edgebuild.ir.graph import ABSENT, Tensor

    content = model.read_bytes()
    graph = frontends.find("tflite").read(content, "model", str(model))

    def port(tensor: Tensor) -> dict[str, Any]:
        return {"name": tensor.name, "dtype": tensor.dtype.value, "shape": list(tensor.shape)}

    operators: list[dict[str, Any]] = []
    for number, node in enumerate(graph.nodes):
        constants = [graph.tensors[i] for i in node.inputs if i != ABSENT and graph.tensors[i].constant]
        operators.append(
            {
                "index": number,
                "op": ops.tflite_name(node),
                "name": node.name,
                "output": list(graph.output(node).shape),
                "macs": ops.find(node.op).cost(node, graph).macs if ops.known(node.op) else None,
                "weights": sum(t.bytes for t in constants),
            }
        )
    memory = _memory(graph, target)
    found = {
        "schema_version": 1,
        "name": model.name,
        "tflite_bytes": len(content),
        "inputs": [port(graph.tensors[i]) for i in graph.inputs],
        "outputs": [port(graph.tensors[i]) for i in graph.outputs],
        "operators": operators,
        "macs": sum(op["macs"] or 0 for op in operators),
        "weights": sum(op["weights"] for op in operators),
        "arena_bytes": memory.arena_bytes if memory else None,
    }
    return Inspection(found, memory)


def _memory(graph: Graph, target: str | None) -> Memory | None:
    """The plan of the arena; None when an operator cannot be run."""
    from edgebuild import kernels, ops, passes, planner
    from edgebuild.pipeline.device import PASSES
    from edgebuild.reports import budget
    from edgebuild.target import load

    profile = load.load(target) if target else None
    features = profile.cpu.features if profile else frozenset()
    for name in PASSES:
        graph = passes.find(name).run(graph)
    runs = [ops.known(n.op) and bool(ops.find(n.op).alias or ops.find(n.op).kernels) for n in graph.nodes]
    if not all(runs):
        return None
    selection = kernels.select(graph, features)
    plan = planner.plan(graph, selection)
    if profile is not None and len(profile.regions("ram")) > 1:
        plan = planner.spread(graph, selection, plan, budget.room(profile)) or plan
    problem = planner.problem_of(graph, selection, plan.segments)
    return Memory(plan.arena_bytes, tuple(planner.text(graph, problem, plan)), planner.svg(graph, problem, plan))
