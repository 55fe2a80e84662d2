"""RELU as a layer of its own, int8, with rescaling between input and output."""

from __future__ import annotations

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops._lookup import Lookup


class Relu(Lookup):
    """Reference kernel's ``ReluQuantized``.

    TFLite Micro divides the scales in double, LiteRT in float32; TFLite Micro decides.
    """

    tflite = "RELU"
    versions = range(1, 3)
    name = "relu"
    case_scales = ((0.05, -3, 0.05, -3), (0.05, 10, 0.031, -128), (0.01, -20, 0.07, 5))

    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        source, result = graph.tensor(node, 0), graph.output(node)
        multiplier, shift = arithmetic.quantize_multiplier(source.scale / result.scale)
        scaled = arithmetic.requantize(values - source.zero_point, multiplier, shift) + result.zero_point
        return np.maximum(scaled, max(-128, result.zero_point))
