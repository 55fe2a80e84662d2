"""STRIDED_SLICE of a constant: how Keras picks the batch out of a shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.ops import Case, Operator, TensorType, _cases, _rules


def plain_masks(node: Node, graph: Graph) -> bool:
    """Ellipsis and new-axis masks must be 0.

    Slice without ellipsis and newaxis.
    """
    return not node.options.get("ellipsis_mask", 0) and not node.options.get("new_axis_mask", 0)


class StridedSlice(Operator):
    """Exists at build time only."""

    tflite = "STRIDED_SLICE"
    versions = range(1, 9)
    rules = (_rules.constant_parameters, plain_masks)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        result = graph.output(node)
        return (TensorType(result.shape, result.dtype),)

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        source, begin, end, strides = inputs
        assert source is not None and begin is not None and end is not None and strides is not None
        index: list[slice | int] = []
        for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
            if node.options.get("shrink_axis_mask", 0) >> i & 1:
                index.append(int(first))
                continue
            open_begin, open_end = (node.options.get(f"{m}_mask", 0) >> i & 1 for m in ("begin", "end"))
            index.append(slice(None if open_begin else int(first), None if open_end else int(last), int(step)))
        return (np.asarray(source[tuple(index)]),)

    def cases(self) -> Iterator[Case]:
        numbers = [np.array([v], np.int32) for v in (1, 3, 1)]
        constants = [_cases.constant(n, v) for n, v in zip(("begin", "end", "strides"), numbers, strict=True)]
        source = _cases.activation("input", (4,), dtype=DType.INT32)
        options = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
        output = _cases.activation("output", (2,), dtype=DType.INT32)
        yield Case("two of four", _cases.graph("strided_slice", (source, *constants), output, options, 1))
        scalar = _cases.activation("output", (), dtype=DType.INT32)
        picked = {**options, "shrink_axis_mask": 1}
        yield Case("one element", _cases.graph("strided_slice", (source, *constants), scalar, picked, 2))
