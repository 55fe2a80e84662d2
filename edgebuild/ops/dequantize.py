"""DEQUANTIZE: int8 to float32 at the model's border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.ops import Call, Case, Kernel, Operator, Portable, TensorType, _cases


def int8_to_float(node: Node, graph: Graph) -> bool:
    """It must turn int8 with one scale into float32.

    Quantize the model to int8.
    """
    source, result = graph.tensor(node, 0), graph.output(node)
    scaled = source.quantization is not None and not source.quantization.per_channel
    return source.dtype is DType.INT8 and result.dtype is DType.FLOAT32 and scaled


class Dequantize(Operator):
    """``scale * (integer - zero_point)`` in float32."""

    tflite = "DEQUANTIZE"
    versions = range(1, 7)
    rules = (int8_to_float,)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, "dequantize/portable.c.j2"),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        return (TensorType(graph.tensor(node, 0).shape, DType.FLOAT32),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        assert inputs[0] is not None
        source = graph.tensor(node, 0)
        # the reference kernel multiplies in double and rounds once
        real = source.scale * (inputs[0].astype(np.float64) - source.zero_point)
        return (real.astype(np.float32),)

    def cases(self) -> Iterator[Case]:
        output = _cases.activation("output", (1, 4, 64), dtype=DType.FLOAT32)
        for scale, zero_point in ((0.05, 3), (1 / 256, -128)):
            source = _cases.activation("input", (1, 4, 64), scale, zero_point)
            yield Case(f"scale {scale:g}", _cases.graph("dequantize", (source,), output, {}, 2))


def context(node: Node, graph: Graph) -> Call:
    """The portable kernel's struct."""
    source = graph.tensor(node, 0)
    return Call(
        operands=(node.inputs[0],),
        scalars={"elements": source.elements, "scale": float(source.scale), "zero_point": source.zero_point},
    )
