"""``edgebuild inspect``: what a model consists of, without building anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Inspection:
    """What a model file says; figures that only a ``.tflite`` has are None for other formats."""

    found: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return self.found


def inspect(model: Path) -> Inspection:
    """Operators, MACs and memory of ``model``; TensorFlow is not needed for any format.

    Raises:
        UsageError: it is not a model, or is damaged.
    """
    from edgebuild import loaders

    kind = loaders.recognise(model)
    if kind != "tflite":
        found = loaders.find(kind).inspect(model, allow_unsafe=True)
        return Inspection(
            {
                "schema_version": 1,
                "name": f"{model.name} ({found.writer})",
                "tflite_bytes": None,
                "operators": [
                    {"index": i, "op": layer.class_name, "name": layer.name} for i, layer in enumerate(found.layers)
                ],
                "macs": None,
                "weights": None,
                "arena_bytes": None,
            }
        )
    return _tflite(model)


def _tflite(model: Path) -> Inspection:
    from edgebuild import frontends, kernels, ops, passes, planner
    from edgebuild.ir.graph import ABSENT, Graph, Tensor
    from edgebuild.pipeline.device import PASSES

    content = model.read_bytes()
    graph = frontends.find("tflite").read(content, "model", str(model))

    def port(tensor: Tensor) -> dict[str, Any]:
        return {"name": tensor.name, "dtype": tensor.dtype.value, "shape": list(tensor.shape)}

    operators = []
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

    def arena() -> int | None:
        lowered: Graph = graph
        for name in PASSES:
            lowered = passes.find(name).run(lowered)
        if any(not ops.known(n.op) or not (ops.find(n.op).alias or ops.find(n.op).kernels) for n in lowered.nodes):
            return None
        return planner.plan(lowered, kernels.select(lowered, frozenset())).arena_bytes

    known = [op["macs"] for op in operators if op["macs"] is not None]
    return Inspection(
        {
            "schema_version": 1,
            "name": model.name,
            "tflite_bytes": len(content),
            "inputs": [port(graph.tensors[i]) for i in graph.inputs],
            "outputs": [port(graph.tensors[i]) for i in graph.outputs],
            "operators": operators,
            "macs": sum(known),
            "weights": sum(op["weights"] for op in operators),
            "arena_bytes": arena(),
        }
    )
