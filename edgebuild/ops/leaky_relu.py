"""LEAKY_RELU, int8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Case
from edgebuild.ops._lookup import Lookup


class LeakyRelu(Lookup):
    """Reference kernel's ``QuantizeLeakyRelu``: one multiplier for each side of zero, as TFLite Micro computes them."""

    tflite = "LEAKY_RELU"
    versions = range(1, 3)
    name = "leaky_relu"
    case_scales = ((0.05, -3, 0.05, -3), (0.05, 10, 0.031, -90), (0.01, -20, 0.07, 5))

    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        source, result = graph.tensor(node, 0), graph.output(node)
        scale, out, alpha = source.scale, result.scale, float(np.float32(node.options["alpha"]))
        centred = values - source.zero_point
        above, below = (
            arithmetic.requantize(centred, *arithmetic.quantize_multiplier(real))
            for real in (scale / out, scale * alpha / out)
        )
        return np.where(centred >= 0, above, below) + result.zero_point

    def cases(self) -> Iterator[Case]:
        for case, alpha in zip(super().cases(), (0.3, 0.01, -0.7), strict=True):
            nodes = tuple(replace(node, options={"alpha": float(np.float32(alpha))}) for node in case.graph.nodes)
            yield replace(case, name=f"{case.name}, alpha {alpha:g}", graph=replace(case.graph, nodes=nodes))
