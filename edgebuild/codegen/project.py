"""The C sources of a model: interface, inference function, kernels and constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgebuild import __version__, ops
from edgebuild.arena import Plan
from edgebuild.artifacts import Interface, Port, SourceFile, Sources, Step
from edgebuild.codegen import filters
from edgebuild.codegen.environment import render
from edgebuild.codegen.stream import Streamed
from edgebuild.codegen.writer import Layer, Writer
from edgebuild.ir.graph import ABSENT, Graph, Tensor
from edgebuild.kernels import Selection

ARENA_ALIGNMENT = 16


def generate(graph: Graph, plan: Plan, selection: Selection, *, small: bool = False) -> Sources:
    """The C sources of ``graph``.

    Args:
        selection: the kernel of each node; the plan was made for it.
        small: compile for size what surrounds assembly, whatever the flags are.
    """
    writer = Writer(graph, plan, selection, small)
    starts = {segment.first: Streamed(writer, segment) for segment in plan.segments}
    inside = {n for s in plan.segments for n in range(s.first, s.last + 1)}
    layers = [
        starts[n].layer() if n in starts else writer.layer(n)
        for n, node in enumerate(graph.nodes)
        if n in starts or (n not in inside and not ops.find(node.op).alias)
    ]
    interface = interface_of(graph, plan)
    taking = layers.pop(0) if interface.pushed else None
    context: dict[str, Any] = {
        "prefix": graph.name,
        "arena": parameter(interface),
        "version": __version__,
        "interface": interface,
        "layers": layers,
        "taking": taking,
        "scratch": writer.scratch(0),
        "functions": sorted(writer.functions.values(), key=lambda f: f.name),
        "cold": writer.cold(),
        "constants": [(name, filters.c_type(a), a.size, filters.rows(a)) for name, a in writer.constants.values()],
        "summary": tuple(summary(graph)),
        "moves": {
            node: [(writer.memory(plan.tensor_areas.get(m.tensors[0], 0) if m.tensors else 0), m) for m in moves]
            for node, moves in plan.moves.items()
        },
        "streams": [streamed.function() for streamed in starts.values()],
    }
    name = graph.name
    templates: Mapping[str, str] = {
        f"{name}.h": "project/model.h.j2",
        f"{name}.c": "project/model.c.j2",
        f"{name}_kernels.h": "project/kernels.h.j2",
        f"{name}_kernels.c": "project/kernels.c.j2",
        f"{name}_weights.h": "project/weights.h.j2",
        f"{name}_weights.c": "project/weights.c.j2",
        f"{name}_arithmetic.h": "kernels/arithmetic.h.j2",
    }
    if plan.segments:
        templates = {**templates, f"{name}_streams.c": "project/streams.c.j2"}
    files = tuple(SourceFile(path, render(t, **context).encode()) for path, t in templates.items())
    return Sources(
        interface=interface,
        files=files,
        units=tuple(sorted(path for path in templates if path.endswith(".c"))),
        weights_unit=f"{name}_weights.c",
        steps=tuple(_steps(graph, plan, layers if taking is None else [taking, *layers])),
    )


def parameter(interface: Interface) -> str:
    """How the functions of a model take its arena."""
    return f"const struct {interface.name}_arenas *arenas" if interface.spread else "void *arena"


def _steps(graph: Graph, plan: Plan, layers: Sequence[Layer]) -> Iterator[Step]:
    """The calls of the inference function, in order."""
    for layer in layers:
        for _ in plan.moves.get(layer.node, ()):
            yield Step(None, "MOVE", f"before {layer.name}", f"{graph.name}_move")
        yield Step(layer.node, layer.op, layer.name, layer.function)


def interface_of(graph: Graph, plan: Plan) -> Interface:
    """What a caller of the generated model needs to know."""
    pushed = next((s.pushed for s in plan.segments if s.pushed is not None), None)
    return Interface(
        graph.name,
        plan.arena_bytes,
        ARENA_ALIGNMENT,
        tuple(_port(graph.tensors[i], plan.offsets.get(i, 0), plan.tensor_areas.get(i, 0)) for i in graph.inputs),
        tuple(
            _port(graph.tensors[i], plan.offset(i, len(graph.nodes)), plan.tensor_areas.get(i, 0))
            for i in graph.outputs
        ),
        0 if pushed is None else graph.tensors[pushed].shape[1],
        plan.areas,
    )


def _port(tensor: Tensor, offset: int, area: int) -> Port:
    kind = (tensor.dtype.value, tensor.shape, tensor.bytes)
    return Port(tensor.name, *kind, offset, tensor.scale, tensor.zero_point, area)


def summary(graph: Graph) -> Iterator[str]:
    """One line a layer, for the comment at the top of the model's source."""
    for number, node in enumerate(graph.nodes):
        shapes = [graph.tensors[i].shape for i in node.inputs if i != ABSENT and not graph.tensors[i].constant]
        source = ", ".join("x".join(map(str, s)) for s in shapes)
        result = "x".join(map(str, graph.output(node).shape))
        yield f"{number:3}  {ops.tflite_name(node):<18} {source} -> {result}  {filters.comment(node.name)}"
