"""RELU6 as a layer of its own, int8."""

from __future__ import annotations

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import _rules
from edgebuild.ops._lookup import Lookup


class Relu6(Lookup):
    """A clamp: the reference runtimes only agree when input and output are quantized alike."""

    tflite = "RELU6"
    versions = range(1, 3)
    rules = (_rules.int8_activations, _rules.same_quantization)
    name = "relu6"
    case_scales = ((0.05, -3, 0.05, -3), (0.0235, -128, 0.0235, -128))

    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        result = graph.output(node)
        return np.clip(values, *arithmetic.activation_range("RELU6", result.scale, result.zero_point))
