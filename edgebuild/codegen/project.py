"""The C sources of a model: interface, inference function, kernels and constants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgebuild import __version__, ops
from edgebuild.artifacts import Interface, Plan, Port, SourceFile, Sources, Step
from edgebuild.codegen import filters
from edgebuild.codegen.environment import render
from edgebuild.ir.graph import ABSENT, Graph, Node, Tensor
from edgebuild.kernels import Selection

ARENA_ALIGNMENT = 16


@dataclass(frozen=True)
class Function:
    """A kernel as one C function: several layers of one kind share it."""

    name: str
    template: str
    text: str
    prototype: str
    fields: tuple[tuple[str, str], ...]
    """(name, C type) of the layer's struct, in order."""
    includes: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """One call in the inference function.

    Attributes:
        arguments: C expressions, the layer's struct first.
        fields: (name, C expression) of the struct's fields, in order.
    """

    node: int
    op: str
    name: str
    function: str
    arguments: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]


@dataclass
class _Writer:
    """Collects functions and constants while the layers are written."""

    graph: Graph
    plan: Plan
    selection: Selection
    functions: dict[str, Function] = field(default_factory=dict)
    constants: dict[tuple[str, bytes], tuple[str, np.ndarray]] = field(default_factory=dict)

    def layer(self, number: int, node: Node) -> Layer:
        kernel = self.selection[number]
        assert kernel is not None
        call = kernel.context(node, self.graph)
        function = self._function(node, kernel, call)
        values = [(name, filters.literal(value)) for name, value in call.scalars.items()]
        values += [(name, self._constant(f"{number}_{name}", a)) for name, a in call.arrays.items()]
        operands = [self._pointer(i, number, writable=False) for i in call.operands]
        if kernel.gather:
            operands = [f"(const int8_t *const[]){{{', '.join(operands)}}}"]
        output = self._pointer(node.outputs[0], number, writable=True)
        arguments = [f"&{self.graph.name}_layer_{number}", *operands, output]
        if number in self.plan.scratch:
            arguments.append(f"memory + {self.plan.scratch[number]}")
        return Layer(
            number,
            ops.tflite_name(node),
            node.name,
            function.name,
            tuple(arguments),
            tuple(values),
        )

    def _function(self, node: Node, kernel: ops.Kernel, call: ops.Call) -> Function:
        stem = kernel.template.removesuffix(".c.j2")
        folder, _, variant = stem.partition("/")
        name = f"{self.graph.name}_{folder}" + ("" if variant == "portable" else f"_{variant}")
        name += "".join(f"_{key}{value}" for key, value in call.shape.items())
        fields = [(n, "float" if isinstance(v, float) else "int32_t") for n, v in call.scalars.items()]
        fields += [(n, f"const {filters.c_type(a)} *") for n, a in call.arrays.items()]
        if name in self.functions:
            assert self.functions[name].fields == tuple(fields), f"{name}: layers disagree about the struct"
            return self.functions[name]
        names = {"prefix": self.graph.name, "function": name, "layer": f"struct {name}_layer"}
        text = render(f"kernels/{kernel.template}", **names, **call.shape)
        prototype = re.search(rf"^void {name}\([^)]*\)", text, re.MULTILINE)
        assert prototype, f"{kernel.template} does not define void {{{{ function }}}}(…)"
        self.functions[name] = Function(
            name, kernel.template, text, " ".join(prototype[0].split()), tuple(fields), kernel.includes
        )
        return self.functions[name]

    def _constant(self, label: str, array: np.ndarray) -> str:
        """Name of a constant array; equal arrays are stored once."""
        key = (filters.c_type(array), array.tobytes())
        if key not in self.constants:
            self.constants[key] = (f"{self.graph.name}_{label}", array)
        return self.constants[key][0]

    def _pointer(self, index: int, number: int, *, writable: bool) -> str:
        tensor = self.graph.tensors[index]
        if tensor.data is not None:
            return self._constant(f"{number}_operand_{index}", tensor.data)
        at = f"memory + {self.plan.offset(index, number)}"
        if tensor.dtype.c == "int8_t":
            return at
        return f"({'' if writable else 'const '}{tensor.dtype.c} *)(void *)({at})"


def generate(graph: Graph, plan: Plan, selection: Selection) -> Sources:
    """The C sources of ``graph``.

    Args:
        selection: the kernel of each node; the plan was made for it.
    """
    writer = _Writer(graph, plan, selection)
    layers = [writer.layer(n, node) for n, node in enumerate(graph.nodes) if not ops.find(node.op).alias]
    interface = interface_of(graph, plan)
    context: dict[str, Any] = {
        "prefix": graph.name,
        "version": __version__,
        "interface": interface,
        "layers": layers,
        "functions": sorted(writer.functions.values(), key=lambda f: f.name),
        "constants": [(name, filters.c_type(a), a.size, filters.rows(a)) for name, a in writer.constants.values()],
        "summary": tuple(summary(graph)),
        "moves": plan.moves,
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
    files = tuple(SourceFile(path, render(t, **context).encode()) for path, t in templates.items())
    return Sources(
        interface=interface,
        files=files,
        units=tuple(sorted(path for path in templates if path.endswith(".c"))),
        weights_unit=f"{name}_weights.c",
        steps=tuple(_steps(graph, plan, layers)),
    )


def _steps(graph: Graph, plan: Plan, layers: Sequence[Layer]) -> Iterator[Step]:
    """The calls of the inference function, in order."""
    for layer in layers:
        for _ in plan.moves.get(layer.node, ()):
            yield Step(None, "MOVE", f"before {layer.name}", f"{graph.name}_move")
        yield Step(layer.node, layer.op, layer.name, layer.function)


def interface_of(graph: Graph, plan: Plan) -> Interface:
    """What a caller of the generated model needs to know."""
    return Interface(
        graph.name,
        plan.arena_bytes,
        ARENA_ALIGNMENT,
        tuple(_port(graph.tensors[i], plan.offsets[i]) for i in graph.inputs),
        tuple(_port(graph.tensors[i], plan.offset(i, len(graph.nodes))) for i in graph.outputs),
    )


def _port(tensor: Tensor, offset: int) -> Port:
    return Port(tensor.name, tensor.dtype.value, tensor.shape, tensor.bytes, offset, tensor.scale, tensor.zero_point)


def summary(graph: Graph) -> Iterator[str]:
    """One line a layer, for the comment at the top of the model's source."""
    for number, node in enumerate(graph.nodes):
        shapes = [graph.tensors[i].shape for i in node.inputs if i != ABSENT and not graph.tensors[i].constant]
        source = ", ".join("x".join(map(str, s)) for s in shapes)
        result = "x".join(map(str, graph.output(node).shape))
        yield f"{number:3}  {ops.tflite_name(node):<18} {source} -> {result}  {filters.comment(node.name)}"
