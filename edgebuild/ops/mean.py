"""MEAN: int8, over adjacent axes (a global average pool is the mean over height and width)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Cost, Kernel, Operator, Portable, TensorType, _cases, _rules


def adjacent_axes(node: Node, graph: Graph) -> bool:
    """The reduced axes must be adjacent.

    Reduce in two steps, or transpose first.
    """
    axes = _axes(node, graph)
    return bool(axes) and list(axes) == list(range(axes[0], axes[-1] + 1))


class Mean(Operator):
    """``QuantizedMeanOrSum`` of the reference kernels: 1/count is folded into the multiplier."""

    tflite = "MEAN"
    versions = range(1, 4)
    rules = (_rules.int8_activations, _rules.constant_parameters, adjacent_axes)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "mean/portable.c.j2", work=_work),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source, axes = graph.tensor(node, 0), _axes(node, graph)
        keep = node.options["keep_dims"]
        shape = [1 if i in axes else n for i, n in enumerate(source.shape) if keep or i not in axes]
        return (TensorType(tuple(shape), source.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        source, result = graph.tensor(node, 0), graph.output(node)
        assert inputs[0] is not None
        outer, count, inner = _extents(node, graph)
        total = inputs[0].reshape(outer, count, inner).astype(np.int64).sum(axis=1)
        multiplier, shift = _multiplier(node, graph)
        scaled = arithmetic.requantize(total - source.zero_point * count, multiplier, shift)
        return (np.clip(scaled + result.zero_point, -128, 127).astype(np.int8).reshape(result.shape),)

    def cost(self, node: Node, graph: Graph) -> Cost:
        return Cost(elements=graph.output(node).elements, reads=graph.tensor(node, 0).elements)

    def cases(self) -> Iterator[Case]:
        def case(name: str, shape: tuple[int, ...], axes: tuple[int, ...], keep: bool, scale: float = 0.03) -> Case:
            source = _cases.activation("input", shape, 0.05, -100)
            kept = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
            output = _cases.activation("output", kept, scale, 17)
            axis = _cases.constant("axis", np.array(axes, np.int32))
            return Case(name, _cases.graph("mean", (source, axis), output, {"keep_dims": keep}, 2))

        yield case("height and width", (1, 7, 5, 6), (1, 2), False)
        yield case("keeping dimensions", (1, 4, 4, 3), (1, 2), True)
        yield case("many elements", (1, 33, 31, 2), (1, 2), True)
        yield case("time axis", (1, 49, 8), (1,), False)
        yield case("channels, saturating", (1, 3, 5, 8), (3,), False, 0.004)


def _axes(node: Node, graph: Graph) -> tuple[int, ...]:
    source, axis = graph.tensor(node, 0), graph.tensor(node, 1)
    assert axis.data is not None
    return tuple(sorted({int(a) % len(source.shape) for a in axis.data.reshape(-1)}))


def _extents(node: Node, graph: Graph) -> tuple[int, int, int]:
    """Elements before, along and after the reduced axes."""
    shape, axes = graph.tensor(node, 0).shape, _axes(node, graph)
    return (
        math.prod(shape[: axes[0]]),
        math.prod(shape[axes[0] : axes[-1] + 1]),
        math.prod(shape[axes[-1] + 1 :]),
    )


def _work(node: Node, graph: Graph) -> float:
    outer, count, inner = _extents(node, graph)
    return outer * inner * (6.0 * count + 60)


def _multiplier(node: Node, graph: Graph) -> tuple[int, int]:
    """TFLite's ``QuantizedMeanOrSum``: 1/count scaled by as many bits as keep it in 32."""
    _, count, _ = _extents(node, graph)
    multiplier, shift = arithmetic.quantize_multiplier(graph.tensor(node, 0).scale / graph.output(node).scale)
    bits = min(63 - (64 - count.bit_length()), 32, 31 + shift)
    return ((multiplier << bits) // count), shift - bits


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    outer, count, inner = _extents(node, graph)
    multiplier, shift = _multiplier(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "outer": outer,
            "count": count,
            "inner": inner,
            "input_offset": -graph.tensor(node, 0).zero_point * count,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": graph.output(node).zero_point,
        },
    )
