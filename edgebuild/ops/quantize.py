"""QUANTIZE: float32 to int8 at the model's border, or int8 to int8 with another scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, Rows, TensorType, _cases


def float_or_int8_to_int8(node: Node, graph: Graph) -> bool:
    """It must turn float32 or int8 into int8 with one scale.

    Quantize the model to int8.
    """
    source, result = graph.tensor(node, 0), graph.output(node)
    scaled = result.quantization is not None and not result.quantization.per_channel
    return source.dtype in (DType.FLOAT32, DType.INT8) and result.dtype is DType.INT8 and scaled


class Quantize(Operator):
    """int8 to int8 is a table; float32 is divided by the scale and rounded, halves away from zero."""

    tflite = "QUANTIZE"
    versions = range(1, 4)
    rules = (float_or_int8_to_int8,)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (
            Portable(table_context, "lookup/portable.c.j2", exact_when=from_int8),
            Portable(float_context, "quantize/portable.c.j2", includes=("math.h",), exact_when=from_float),
        )

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        return (TensorType(graph.tensor(node, 0).shape, graph.output(node).dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        (source,) = inputs
        assert source is not None
        if from_int8(node, graph):
            return (_table(node, graph)[source.astype(np.int64) + 128],)
        result = graph.output(node)
        scaled = source.astype(np.float32) / np.float32(result.scale)
        rounded = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
        return (np.clip(rounded + result.zero_point, -128, 127).astype(np.int8),)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        width = graph.tensor(node, 0).dtype.bytes
        return Rows(stride=1, before=0, reach=1, input_row=width, output_row=1, in_place=True)

    def cases(self) -> Iterator[Case]:
        output = _cases.activation("output", (1, 5, 7), 0.04, 3)
        source = _cases.activation("input", (1, 5, 7), dtype=DType.FLOAT32)
        yield Case("float32", _cases.graph("quantize", (source,), output, {}, 1))
        for scale, zero_point in ((0.04, -7), (0.011, 0), (0.3, 90)):
            source = _cases.activation("input", (1, 5, 7), scale, zero_point)
            yield Case(f"int8 of scale {scale:g}", _cases.graph("quantize", (source,), output, {}, 2))


def from_float(node: Node, graph: Graph) -> bool:
    """Whether the node quantizes reals."""
    return graph.tensor(node, 0).dtype is DType.FLOAT32


def from_int8(node: Node, graph: Graph) -> bool:
    """Whether the node changes the scale of an int8 tensor."""
    return graph.tensor(node, 0).dtype is DType.INT8


def _table(node: Node, graph: Graph) -> np.ndarray:
    source, result = graph.tensor(node, 0), graph.output(node)
    multiplier, shift = arithmetic.quantize_multiplier(source.scale / result.scale)
    scaled = arithmetic.requantize(np.arange(-128, 128) - source.zero_point, multiplier, shift)
    return np.clip(scaled + result.zero_point, -128, 127).astype(np.int8)


def table_context(node: Node, graph: Graph) -> Call:
    """The lookup kernel's struct."""
    return Call(
        operands=(node.inputs[0],),
        scalars={"elements": graph.output(node).elements},
        arrays={"table": _table(node, graph)},
    )


def float_context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    result = graph.output(node)
    return Call(
        operands=(node.inputs[0],),
        scalars={"elements": result.elements, "scale": float(result.scale), "zero_point": result.zero_point},
    )
