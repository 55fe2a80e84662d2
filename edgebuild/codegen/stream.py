"""A segment as C: a table of steps and the function that goes through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgebuild import kernels, ops
from edgebuild.arena import Segment, StreamCall, StreamMove, StreamPush, StreamStep, StreamSum
from edgebuild.codegen.writer import Layer, Writer
from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Part


@dataclass(frozen=True)
class Case:
    """One kind of step: its statements."""

    comment: str
    statements: tuple[str, ...]


class Streamed:
    """Writes one segment.

    Args:
        writer: collects kernels and constants for the whole model.
    """

    def __init__(self, writer: Writer, segment: Segment) -> None:
        self.writer, self.segment = writer, segment
        self.graph = writer.graph
        self.name = f"{self.graph.name}_stream_{segment.first}"
        self.inputs = tuple(segment.distances)
        self.output = self.graph.nodes[segment.last].outputs[0]
        self.structs: dict[tuple[object, ...], tuple[str, str, tuple[tuple[str, str], ...]]] = {}
        self.work: dict[tuple[object, ...], float] = {}
        self.parts: dict[tuple[int, int, int], Part] = {}
        self.cases: dict[tuple[str, ...], int] = {}
        self.comments: list[str] = []
        self.positions: dict[str, None] = {}
        self.schedule = [self._case(step, after) for step, after in zip(segment.steps, self._following(), strict=True)]

    def layer(self) -> Layer:
        """The call of the whole segment in the inference function."""
        first = self.segment.first
        names = [self.graph.nodes[n].name for n in range(first, self.segment.last + 1)]
        arguments = (
            *(self.writer.pointer(i, first, writable=False) for i in self.inputs),
            *(("row",) if self.segment.pushed is not None else ()),
            self.writer.pointer(self.output, first, writable=True),
            self.writer.scratch(first),
        )
        return Layer(first, "STREAM", f"{names[0]} … {names[-1]}", self.name, arguments, ())

    def function(self) -> dict[str, Any]:
        """Everything that the template of the function needs."""
        parameters = [f"const int8_t *input_{i}" for i in range(len(self.inputs))]
        if self.segment.pushed is not None:
            parameters.append("const int8_t *row")
        nodes = self.graph.nodes[self.segment.first : self.segment.last + 1]
        last = nodes[-1]
        sums = self.segment.sums
        return {
            "name": self.name,
            "parameters": (*parameters, "int8_t *output", "int8_t *rows"),
            "nodes": [(ops.tflite_name(node), node.name) for node in nodes],
            "structs": list(self.structs.values()),
            "cases": [Case(comment, statements) for statements, comment in zip(self.cases, self.comments, strict=True)],
            "positions": list(self.positions),
            "schedule": self.schedule,
            "wide": len(self.cases) > 255,
            "sums": None if sums is None else (sums, 4 * self.graph.output(last).shape[3]),
            "state": None if self.segment.pushed is None else self.segment.state,
            "state_bytes": self.segment.kernel_scratch - self.segment.state,
            "unused": () if self._writes_output() else ("output",),
        }

    def _writes_output(self) -> bool:
        return any("output" in statement for statements in self.cases for statement in statements)

    def _following(self) -> list[StreamStep | None]:
        """For each step the next one of the same node."""
        found: list[StreamStep | None] = [None] * len(self.segment.steps)
        last: dict[int, int] = {}
        for position, step in enumerate(self.segment.steps):
            if isinstance(step, StreamMove | StreamPush):
                continue
            if step.node in last:
                found[last[step.node]] = step
            last[step.node] = position
        return found

    def _case(self, step: StreamStep, after: StreamStep | None) -> int:
        if isinstance(step, StreamMove):
            ring = self.segment.rings[step.tensor]
            statements: tuple[str, ...] = (f"memmove(rows + {ring}, rows + {ring + step.source}, {step.bytes});",)
            comment = "rows that are needed again move down"
        elif isinstance(step, StreamPush):
            statements, comment = self._push(step), "the next row of the input"
        elif isinstance(step, StreamSum):
            statements, comment = self._sum(step, after)
        else:
            statements, comment = self._call(step, after)
        if statements not in self.cases:
            self.cases[statements] = len(self.cases)
            self.comments.append(comment)
        return self.cases[statements]

    def _push(self, step: StreamPush) -> tuple[str, ...]:
        tensor = self.graph.tensors[step.tensor]
        place = self.segment.rings[step.tensor] + step.destination
        return (
            "if (row == NULL) {",
            "    return;",
            "}",
            f"memcpy(rows + {place}, row, {tensor.bytes // tensor.shape[1]});",
            "row = NULL;",
        )

    def _call(self, step: StreamCall, after: StreamStep | None) -> tuple[tuple[str, ...], str]:
        part = kernels.part(self.graph.nodes[step.node], self.graph, step.first, step.count)
        kernel = kernels.for_part(part, self.writer.selection[step.node])
        key = (step.node, part.shape)
        if key not in self.structs:
            call = kernel.context(part.node, part.graph)
            function = self.writer.function(kernel, call)
            struct = f"{self.name}_layer_{step.node}_{sum(k[0] == step.node for k in self.structs)}"
            self.structs[key] = (struct, function.name, self.writer.values(step.node, call))
            self.work[key] = kernel.instructions(part.node, part.graph)
        struct, function_name, _ = self.structs[key]
        self.writer.functions[function_name].work += self.work[key]
        later = after if isinstance(after, StreamCall) else None
        places, advances = [], []
        for position, (tensor, offset) in enumerate(step.sources):
            place, advance = self._place(step.node, tensor, offset, later.sources[position][1] if later else None)
            places.append(place)
            advances += advance
        place, advance = self._place(
            step.node, step.destination[0], step.destination[1], later.destination[1] if later else None
        )
        arguments = [f"&{struct}", *places, place]
        if kernel.scratch(part.node, part.graph):
            arguments.append(f"rows + {self.segment.kernel_scratch}")
        statements = (f"{function_name}({', '.join(arguments)});", *advances, *advance)
        return statements, f"{self.graph.nodes[step.node].name}, {self._rows(part)}"

    def _rows(self, part: Part) -> str:
        reads = ", ".join(str(count) for _, count in part.reads.values())
        return f"{part.count} row{'s' if part.count > 1 else ''} from {reads}"

    def _sum(self, step: StreamSum, after: StreamStep | None) -> tuple[tuple[str, ...], str]:
        node = self.graph.nodes[step.node]
        tensor, offset = step.source
        later = after.source[1] if isinstance(after, StreamSum) else None
        place, advance = self._place(step.node, tensor, offset, later)
        width = self.graph.tensors[tensor].shape[2]
        add, mean = (self._pooling(kernel, node, step.node) for kernel in (ADD_ROWS, MEAN_OF_SUMS))
        sums = f"(int32_t *)(void *)(rows + {self.segment.sums})"
        statements = [f"{add[1]}(&{add[0]}, {place}, {sums}, {step.rows * width});", *advance]
        if step.last:
            statements.append(f"{mean[1]}(&{mean[0]}, {sums}, output);")
        return tuple(statements), f"{node.name}, sums{' and their mean' if step.last else ''}"

    def _pooling(self, kernel: ops.Kernel, node: Node, number: int) -> tuple[str, str]:
        key = (number, kernel.template)
        if key not in self.structs:
            call = kernel.context(node, self.graph)
            struct = f"{self.name}_{kernel.name}_{number}"
            function = self.writer.function(kernel, call)
            function.work += kernel.instructions(node, self.graph)
            self.structs[key] = (struct, function.name, self.writer.values(number, call))
        return self.structs[key][0], self.structs[key][1]

    def _place(self, number: int, tensor: int, offset: int, later: int | None) -> tuple[str, list[str]]:
        """C expression for a place in ``tensor``, and the statement that moves on to the next one."""
        if tensor in self.segment.rings:
            return f"rows + {self.segment.rings[tensor] + offset}", []
        if tensor == self.output:
            base, position = "output", "written"
        else:
            which = self.inputs.index(tensor)
            base, position = f"input_{which}", f"read_{which}_by_{number}"
        self.positions[position] = None
        if self.segment.pushed is not None:
            position = f"state->{position}"
        advance = (later - offset) if later is not None else 0
        return f"{base} + {position}", [f"{position} += {advance};"] if advance else []


def _channels(node: Node, graph: Graph) -> ops.Call:
    return ops.Call(operands=(), scalars={"channels": graph.output(node).shape[3]})


def _division(node: Node, graph: Graph) -> ops.Call:
    whole = ops.find(node.op).kernels[-1].context(node, graph).scalars
    height, width = graph.tensor(node, 0).shape[1:3]
    limits = {name: whole[name] for name in ("output_min", "output_max")}
    return ops.Call(operands=(), scalars={**_channels(node, graph).scalars, "count": height * width, **limits})


ADD_ROWS = ops.Portable(_channels, "average_pool_2d/add_rows.c.j2")
MEAN_OF_SUMS = ops.Portable(_division, "average_pool_2d/mean_of_sums.c.j2")
