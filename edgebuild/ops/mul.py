"""MUL: int8, the product of two operands requantized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Kernel, Portable
from edgebuild.ops._binary import Binary, geometry


class Mul(Binary):
    """One multiplier serves both scales."""

    tflite = "MUL"
    versions = range(1, 6)
    name = "mul"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "mul/portable.c.j2"),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        a, b = inputs
        assert a is not None and b is not None
        p = {name: int(value) for name, value in context(node, graph).scalars.items()}
        product = (a.astype(np.int64) - p["a_zero_point"]) * (b.astype(np.int64) - p["b_zero_point"])
        raw = arithmetic.requantize(product, p["multiplier"], p["shift"])
        return (np.clip(raw + p["output_zero_point"], p["output_min"], p["output_max"]).astype(np.int8),)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct: TFLite's ``CalculateOpDataMul``."""
    a, b, result = graph.tensor(node, 0), graph.tensor(node, 1), graph.output(node)
    multiplier, shift = arithmetic.quantize_multiplier(a.scale * b.scale / result.scale)
    low, high = arithmetic.activation_range(
        node.options.get("fused_activation_function", "NONE"), result.scale, result.zero_point
    )
    return Call(
        operands=node.inputs[:2],
        scalars={
            **geometry(node, graph),
            "a_zero_point": a.zero_point,
            "b_zero_point": b.zero_point,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": result.zero_point,
            "output_min": low,
            "output_max": high,
        },
    )
