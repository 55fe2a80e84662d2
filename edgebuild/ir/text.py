"""A stable dump of a graph, for people and for golden files."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.ir.graph import ABSENT, Graph, Tensor


def dump(graph: Graph) -> str:
    """One line a node: number, operator, output, inputs, options."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"{graph.name}({', '.join(_port(graph.tensors[i], i) for i in graph.inputs)})"
    for number, node in enumerate(graph.nodes):
        inputs = ", ".join("-" if i == ABSENT else _reference(graph.tensors[i], i) for i in node.inputs)
        outputs = ", ".join(_port(graph.tensors[i], i) for i in node.outputs)
        options = " ".join(f"{k}={v}" for k, v in sorted(node.options.items()))
        yield f"{number:4}  {outputs} = {node.op}({inputs})  {options}".rstrip()
    yield f"return {', '.join(f'%{i}' for i in graph.outputs)}"


def _port(tensor: Tensor, index: int) -> str:
    return f"%{index}: {tensor.dtype.value}[{'x'.join(map(str, tensor.shape))}]"


def _reference(tensor: Tensor, index: int) -> str:
    return f"const {tensor.dtype.value}[{'x'.join(map(str, tensor.shape))}]" if tensor.constant else f"%{index}"
