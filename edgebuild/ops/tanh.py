"""TANH, int8."""

from __future__ import annotations

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import _rules
from edgebuild.ops._lookup import Lookup, fixed_point

INTEGER_BITS = 4


def symmetric(node: Node, graph: Graph) -> bool:
    """The output must have scale 1/128 and zero point 0.

    Convert with the TFLite converter, which makes it so.
    """
    result = graph.output(node)
    return result.scale == 1 / 128 and result.zero_point == 0


class Tanh(Lookup):
    """Reference kernel's ``Tanh`` in Q4.27."""

    tflite = "TANH"
    versions = range(1, 4)
    rules = (_rules.int8_activations, symmetric)
    name = "tanh"
    case_scales = ((0.05, -3, 1 / 128, 0), (0.9, 20, 1 / 128, 0), (0.0021, 0, 1 / 128, 0))

    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        source = graph.tensor(node, 0)
        centred = values - source.zero_point
        scaled, radius = fixed_point(source.scale, centred, INTEGER_BITS)
        inside = arithmetic.rounding_divide_by_power_of_two(arithmetic.tanh(scaled, INTEGER_BITS), 31 - 7)
        return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, inside))
