"""Turns nodes into calls, and collects the functions and constants that they need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgebuild import ops
from edgebuild.arena import Plan
from edgebuild.codegen import filters
from edgebuild.codegen.environment import render
from edgebuild.ir.graph import Graph
from edgebuild.kernels import Selection

COLD = 0.01
"""Share of the predicted instructions below which a function is compiled for size, whatever the flags are."""


@dataclass
class Function:
    """A kernel as one C function: several layers of one kind share it.

    Attributes:
        pointers: (name, C type) of the struct's fields that point to constants.
        scalars: every value that each other field takes in some layer.
        work: predicted instructions of all its calls in one inference.
        portable: whether a compiler makes all of it, so that its loops are as fast as the compiler's.
    """

    name: str
    template: str
    text: str
    prototype: str
    includes: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]
    scalars: dict[str, list[int | float]]
    work: float = 0.0
    portable: bool = True

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """(name, C type) of the layer's struct, the widest first; each as narrow as every layer's value allows."""
        types = [(name, _scalar_type(values)) for name, values in self.scalars.items()]
        return (*self.pointers, *sorted(types, key=lambda field: -_bits(field[1])))


def _bits(type_: str) -> int:
    return _INTEGERS[type_].bits if type_ in _INTEGERS else 32


_INTEGERS = {f"{name}_t": np.iinfo(name) for name in ("uint8", "int8", "uint16", "int16", "int32")}
"""C types of a scalar, the narrowest first, of equal ones the unsigned, which Armv6-M loads with an immediate offset.
All promote to int."""


def _scalar_type(values: Sequence[int | float]) -> str:
    if any(isinstance(value, float) for value in values):
        return "float"
    return next(name for name, own in _INTEGERS.items() if all(own.min <= value <= own.max for value in values))


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
class Writer:
    """Collects functions and constants while the layers are written.

    Attributes:
        small: compile for size what surrounds assembly, whatever the flags are.
    """

    graph: Graph
    plan: Plan
    selection: Selection
    small: bool = False
    functions: dict[str, Function] = field(default_factory=dict)
    constants: dict[tuple[str, bytes], tuple[str, np.ndarray]] = field(default_factory=dict)

    def layer(self, number: int) -> Layer:
        """The call of a whole node."""
        node = self.graph.nodes[number]
        kernel = self.selection[number]
        assert kernel is not None
        call = kernel.context(node, self.graph)
        function, values = self.function(kernel, call), self.values(number, call)
        function.work += kernel.instructions(node, self.graph)
        operands = [self.pointer(i, number, writable=False) for i in call.operands]
        if kernel.gather:
            operands = [f"(const int8_t *const[]){{{', '.join(operands)}}}"]
        output = self.pointer(node.outputs[0], number, writable=True)
        arguments = [f"&{self.graph.name}_layer_{number}", *operands, output]
        if number in self.plan.scratch:
            arguments.append(self.scratch(number))
        return Layer(
            number,
            ops.tflite_name(node),
            node.name,
            function.name,
            tuple(arguments),
            values,
        )

    def values(self, number: int, call: ops.Call) -> tuple[tuple[str, str], ...]:
        """(name, C expression) of a layer struct's fields; arrays become constants of node ``number``."""
        values = [(name, filters.literal(value)) for name, value in call.scalars.items()]
        values += [(name, self._constant(f"{number}_{name}", a)) for name, a in call.arrays.items()]
        return tuple(values)

    def function(self, kernel: ops.Kernel, call: ops.Call) -> Function:
        """The C function of ``kernel`` for the shape class of ``call``."""
        stem = kernel.template.removesuffix(".c.j2")
        folder, _, variant = stem.partition("/")
        name = f"{self.graph.name}_{folder}" + ("" if variant == "portable" else f"_{variant}")
        name += "".join(f"_{key}{value}" for key, value in call.shape.items())
        pointers = tuple((n, f"const {filters.c_type(a)} *") for n, a in call.arrays.items())
        if name in self.functions:
            known = self.functions[name]
            same = known.pointers == pointers and list(known.scalars) == list(call.scalars)
            assert same, f"{name}: layers disagree about the struct"
            for field_name, value in call.scalars.items():
                known.scalars[field_name].append(value)
            return known
        names = {"prefix": self.graph.name, "function": name, "layer": f"struct {name}_layer"}
        text = render(f"kernels/{kernel.template}", **names, **call.shape)
        prototype = re.search(rf"^void {name}\([^)]*\)", text, re.MULTILINE)
        assert prototype, f"{kernel.template} does not define void {{{{ function }}}}(…)"
        self.functions[name] = Function(
            name,
            kernel.template,
            text,
            " ".join(prototype[0].split()),
            kernel.includes,
            pointers,
            {field_name: [value] for field_name, value in call.scalars.items()},
            portable=not kernel.features,
        )
        return self.functions[name]

    def cold(self) -> frozenset[str]:
        """Names of the functions to compile for size: those that do hardly any of the work.

        If asked for those around assembly too: what is left to the compiler there does little of it either.
        """
        total = sum(function.work for function in self.functions.values())
        return frozenset(
            name
            for name, function in self.functions.items()
            if function.work < COLD * total or (self.small and not function.portable)
        )

    def _constant(self, label: str, array: np.ndarray) -> str:
        """Name of a constant array; equal arrays are stored once."""
        key = (filters.c_type(array), array.tobytes())
        if key not in self.constants:
            self.constants[key] = (f"{self.graph.name}_{label}", array)
        return self.constants[key][0]

    def memory(self, area: int) -> str:
        """C expression for the beginning of an area of the arena."""
        return f"arenas->{self.plan.areas[area].name.lower()}" if len(self.plan.areas) > 1 else "memory"

    def scratch(self, number: int) -> str:
        """C expression for the scratch memory of node ``number``."""
        return f"{self.memory(self.plan.scratch_areas.get(number, 0))} + {self.plan.scratch.get(number, 0)}"

    def pointer(self, index: int, number: int, *, writable: bool) -> str:
        """C expression for tensor ``index`` while node ``number`` runs."""
        tensor = self.graph.tensors[index]
        if tensor.data is not None:
            return self._constant(f"{number}_operand_{index}", tensor.data)
        at = f"{self.memory(self.plan.tensor_areas.get(index, 0))} + {self.plan.offset(index, number)}"
        if tensor.dtype.c == "int8_t":
            return at
        return f"({'' if writable else 'const '}{tensor.dtype.c} *)(void *)({at})"
