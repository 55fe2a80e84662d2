"""What the fully connected kernels of both scalar cores share."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._thumb_filters import Filters
from edgebuild.ops import Call, fully_connected
from edgebuild.ops._requantization import Requantization


def extents(node: Node, graph: Graph) -> tuple[int, int]:
    """Rows, and features of a row."""
    features = graph.tensor(node, 1).shape[1]
    return graph.tensor(node, 0).elements // features, features


def filters(node: Node, graph: Graph) -> Filters:
    """One filter a unit."""
    portable = fully_connected.context(node, graph)
    zero_point, low, high = (int(portable.scalars[f"output_{name}"]) for name in ("zero_point", "min", "max"))
    arrays = portable.arrays
    requantization = Requantization(arrays["multiplier"], arrays["shift"], zero_point, low, high)
    return Filters.of(node, graph, requantization, arrays["weights"])


def possible(node: Node, graph: Graph) -> bool:
    """Inputs are read four at a time: the last ones of a row may be padding only behind the last row."""
    rows, features = extents(node, graph)
    return filters(node, graph).requantizable() and (rows == 1 or features % 4 == 0)


def call(node: Node, graph: Graph, weights: np.ndarray) -> Call:
    """The struct of both templates; one multiplier and shift stand for all units where they are all alike."""
    found, (rows, features) = filters(node, graph), extents(node, graph)
    multiplier, shift = found.multiplier.astype(np.int32), found.shift.astype(np.int8)
    alike = bool((multiplier == multiplier[0]).all() and (shift == shift[0]).all())
    return Call(
        operands=(node.inputs[0],),
        scalars={
            "rows": rows,
            "features": features,
            "padded_features": found.weights.shape[1],
            "units": len(found.bias),
            "each": int(not alike),
            "output_zero_point": found.zero_point,
            "output_min": found.low,
            "output_max": found.high,
        },
        arrays={
            "weights": weights,
            "bias": np.pad(found.bias, (0, -len(found.bias) % 4)).astype(np.int32),
            "multiplier": multiplier[:1] if alike else multiplier,
            "shift": shift[:1] if alike else shift,
        },
    )
