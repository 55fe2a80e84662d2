"""ADD: int8, each operand with a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Kernel, Portable
from edgebuild.ops._binary import Binary, geometry

LEFT_SHIFT = 20
"""Bits by which the reference kernel widens an operand before it is rescaled."""


class Add(Binary):
    """Both operands are brought to twice the larger scale, added, and requantized."""

    tflite = "ADD"
    versions = range(1, 5)
    name = "add"

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "add/portable.c.j2"),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        p = context(node, graph).scalars
        widened = []
        for i, letter in enumerate("ab"):
            operand = inputs[i]
            assert operand is not None
            value = (operand.astype(np.int64) - int(p[f"{letter}_zero_point"])) << LEFT_SHIFT
            widened.append(arithmetic.requantize(value, int(p[f"{letter}_multiplier"]), int(p[f"{letter}_shift"])))
        raw = arithmetic.requantize(widened[0] + widened[1], int(p["output_multiplier"]), int(p["output_shift"]))
        result = np.clip(raw + int(p["output_zero_point"]), int(p["output_min"]), int(p["output_max"]))
        return (result.astype(np.int8),)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct: TFLite's ``CalculateOpDataAdd``."""
    a, b, result = graph.tensor(node, 0), graph.tensor(node, 1), graph.output(node)
    twice = 2 * max(a.scale, b.scale)
    low, high = arithmetic.activation_range(
        node.options.get("fused_activation_function", "NONE"), result.scale, result.zero_point
    )
    scalars: dict[str, int | float] = dict(geometry(node, graph))
    for name, real in (
        ("a", a.scale / twice),
        ("b", b.scale / twice),
        ("output", twice / ((1 << LEFT_SHIFT) * result.scale)),
    ):
        scalars[f"{name}_multiplier"], scalars[f"{name}_shift"] = arithmetic.quantize_multiplier(real)
    return Call(
        operands=node.inputs[:2],
        scalars={
            **scalars,
            "a_zero_point": a.zero_point,
            "b_zero_point": b.zero_point,
            "output_zero_point": result.zero_point,
            "output_min": low,
            "output_max": high,
        },
    )
