"""Operators that map each int8 value to another: tabulated at build time, one table of 256 bytes a layer."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, Rows, Rule, TensorType, _cases, _rules


class Lookup(Operator):
    """An int8 function of one int8 value."""

    rules: ClassVar[tuple[Rule, ...]] = (_rules.int8_activations,)
    name: str
    case_scales: ClassVar[tuple[tuple[float, int, float, int], ...]]
    """Input scale and zero point, output scale and zero point of each case."""

    @abstractmethod
    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        """The outputs (int64, not yet clamped to int8) of quantized ``values`` (int64)."""

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(self.context, "lookup/portable.c.j2"),)

    def context(self, node: Node, graph: Graph) -> Call:
        """The kernel's struct: the table."""
        return Call(
            operands=(node.inputs[0],),
            scalars={"elements": graph.output(node).elements},
            arrays={"table": self.table(node, graph)},
        )

    def table(self, node: Node, graph: Graph) -> np.ndarray:
        """int8 outputs of -128 … 127."""
        return np.clip(self.function(node, graph, np.arange(-128, 128, dtype=np.int64)), -128, 127).astype(np.int8)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source = graph.tensor(node, 0)
        return (TensorType(source.shape, source.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        assert inputs[0] is not None
        return (self.table(node, graph)[inputs[0].astype(np.int64) + 128],)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        return Rows(stride=1, before=0, reach=1, input_row=1, output_row=1, in_place=True)

    def cases(self) -> Iterator[Case]:
        for number, (scale_in, zero_in, scale_out, zero_out) in enumerate(self.case_scales):
            shape = ((1, 4, 8, 8), (1, 256), (1, 5, 3))[number % 3]
            source = _cases.activation("input", shape, scale_in, zero_in)
            output = _cases.activation("output", shape, scale_out, zero_out)
            yield Case(
                f"scale {scale_in:g} to {scale_out:g}", _cases.graph(self.name, (source,), output, {}, self.versions[0])
            )


def fixed_point(scale: float, centred: np.ndarray, integer_bits: int) -> tuple[np.ndarray, int]:
    """Quantized values in gemmlowp's fixed point, as the reference kernels of LOGISTIC and TANH prepare them.

    Args:
        centred: values without their zero point.

    Returns:
        ``Q(integer_bits)`` numbers, and the radius (``CalculateInputRadius``) from which on they saturate.
    """
    multiplier, shift = arithmetic.quantize_multiplier(scale * 2 ** (31 - integer_bits))
    radius = math.floor(((1 << integer_bits) - 1) * 2 ** (31 - integer_bits) / 2**shift)
    return arithmetic.requantize(np.clip(centred, -radius, radius), multiplier, shift), radius
