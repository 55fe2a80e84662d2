"""SOFTMAX: int8 over the last axis, in gemmlowp's fixed point.

An int8 input differs from the largest of its row by 0 to 255, so every ``exp`` that can occur is
computed at build time and looked up; where flash matters most, it is computed on the device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, Rows, TensorType, _cases, _rules

SCALED_INTEGER_BITS, SUM_INTEGER_BITS = 5, 12


def probabilities(node: Node, graph: Graph) -> bool:
    """The output must have scale 1/256 and zero point -128.

    Convert with the TFLite converter, which makes it so.
    """
    result = graph.output(node)
    return result.scale == 1 / 256 and result.zero_point == -128


class Softmax(Operator):
    """Reference kernel's ``Softmax<int8_t, int8_t>``."""

    tflite = "SOFTMAX"
    versions = range(1, 4)
    rules = (_rules.int8_activations, probabilities)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (
            Portable(context, "softmax/portable.c.j2", code=560),
            Portable(computed_context, "softmax/computed.c.j2", code=640, work=_computed_work),
        )

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source = graph.tensor(node, 0)
        return (TensorType(source.shape, source.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        assert inputs[0] is not None
        table = exponentials(node, graph)
        rows = inputs[0].reshape(-1, inputs[0].shape[-1]).astype(np.int64)
        below = rows.max(axis=1, keepdims=True) - rows
        counts = below < len(table)
        exps = np.where(counts, table[np.minimum(below, len(table) - 1)], 0)
        total = arithmetic.rounding_divide_by_power_of_two(exps, SUM_INTEGER_BITS).sum(axis=1)
        result = np.empty_like(rows)
        for i, value in enumerate(total):
            headroom = 32 - int(value).bit_length()
            scale = int(arithmetic.one_over_one_plus(np.array([(int(value) << headroom) - 2**31]))[0])
            exponent = SUM_INTEGER_BITS - headroom + 31 - 8
            # beyond 31 the quotient is below a half (TFLM aborts there: hundreds of equally likely classes)
            raw = arithmetic.rounding_divide_by_power_of_two(
                arithmetic.doubling_high_multiply(exps[i], scale), min(exponent, 32)
            )
            result[i] = np.where(counts[i], np.clip(raw - 128, -128, 127), -128)
        return (result.astype(np.int8).reshape(inputs[0].shape),)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        depth = graph.output(node).shape[-1]
        return Rows(stride=1, before=0, reach=1, input_row=depth, output_row=depth, in_place=True)

    def cases(self) -> Iterator[Case]:
        def case(name: str, shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Case:
            source = _cases.activation("input", shape, scale, 9)
            output = _cases.activation("output", shape, 1 / 256, -128)
            return Case(name, _cases.graph("softmax", (source,), output, {"beta": beta}, 2))

        yield case("twelve classes", (1, 12), 0.17)
        yield case("two classes", (1, 2), 0.01)
        yield case("large scale, most are zero", (1, 10), 3.7)
        yield case("one class", (1, 1), 0.1)
        yield case("rows of an image, beta 0.5", (1, 3, 4, 7), 0.08, 0.5)
        yield case("three hundred classes", (1, 300), 0.05)


@dataclass(frozen=True)
class Scaling:
    """How a difference to the largest input becomes an exponent in Q5.26.

    Attributes:
        multiplier, shift: as :func:`arithmetic.quantize_multiplier` gives them.
        count: from so many differences on, exp counts as 0.
    """

    multiplier: int
    shift: int
    count: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Scaling:
        """Of a SOFTMAX."""
        real = node.options["beta"] * graph.tensor(node, 0).scale * 2 ** (31 - SCALED_INTEGER_BITS)
        multiplier, shift = arithmetic.quantize_multiplier(min(real, 2.0**31 - 1))
        radius = math.floor(((1 << SCALED_INTEGER_BITS) - 1) * 2 ** (31 - SCALED_INTEGER_BITS) / 2**shift)
        return cls(multiplier, shift, min(radius, 255) + 1)


def exponentials(node: Node, graph: Graph) -> np.ndarray:
    """exp of every difference to the largest that counts: int32 in Q0.31, index 0 for no difference."""
    scaling = Scaling.of(node, graph)
    difference = -np.arange(scaling.count, dtype=np.int64) << scaling.shift
    scaled = arithmetic.doubling_high_multiply(arithmetic.wrap_int32(difference), scaling.multiplier)
    return arithmetic.exp_on_negative_values(scaled, SCALED_INTEGER_BITS)


def computed_context(node: Node, graph: Graph) -> Call:
    """The struct of the kernel that computes exp."""
    source, scaling = graph.tensor(node, 0), Scaling.of(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "rows": source.elements // source.shape[-1],
            "depth": source.shape[-1],
            "table_length": scaling.count,
            "multiplier": scaling.multiplier,
            "shift": scaling.shift,
        },
        arrays={"factors": np.array([factor for _, factor in arithmetic.EXP_BARREL], np.int32)},
    )


def _computed_work(node: Node, graph: Graph) -> float:
    return 400.0 * graph.output(node).elements


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    source, table = graph.tensor(node, 0), exponentials(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "rows": source.elements // source.shape[-1],
            "depth": source.shape[-1],
            "table_length": len(table),
        },
        arrays={"exponentials": table.astype(np.int32)},
    )
