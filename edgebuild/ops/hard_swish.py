"""HARD_SWISH, int8: x * relu6(x + 3) / 6."""

from __future__ import annotations

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops._lookup import Lookup

HIGH_BITS = 7
"""Left shift that makes the most of int16."""

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


class HardSwish(Lookup):
    """Reference kernel's ``HardSwish``, in 16 bits; scales are divided in float32 there."""

    tflite = "HARD_SWISH"
    versions = range(1, 2)
    name = "hard_swish"
    case_scales = ((0.05, -3, 0.03, -116), (0.0235, -128, 0.0235, -128), (0.2, 14, 0.1, -124), (0.003, 2, 0.0016, 0))

    def function(self, node: Node, graph: Graph, values: np.ndarray) -> np.ndarray:
        source, result = graph.tensor(node, 0), graph.output(node)
        high_scale = np.float32(source.scale) / np.float32(1 << HIGH_BITS)
        output, output_exponent = _multiplier(high_scale / np.float32(result.scale))
        gate, gate_exponent = _multiplier(high_scale / (np.float32(3) / np.float32(32768)))
        high = (values - source.zero_point) << HIGH_BITS
        high = (high + 2**15) % 2**16 - 2**15  # kept in int16 there
        scaled = _rounding_high_multiply(high, output)
        gated = high
        if gate_exponent > 0:
            gated = _saturated(gated << (gate_exponent - 1))
        gated = _rounding_high_multiply(gated, gate)
        if gate_exponent > 0:
            gated = _saturated(gated << 1)
        if gate_exponent < 0:
            gated = arithmetic.rounding_divide_by_power_of_two(gated, -gate_exponent)
        gated = (gated + (1 << 15)) >> 1
        product = gated * scaled
        high_product = np.where(product >= 0, product >> 15, -((-product) >> 15))  # C truncates
        return arithmetic.rounding_divide_by_power_of_two(high_product, -output_exponent) + result.zero_point


def _multiplier(real: np.float32) -> tuple[int, int]:
    """``(multiplier, exponent)`` with 15 bits after the point."""
    multiplier, exponent = arithmetic.quantize_multiplier(float(real))
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX), exponent


def _rounding_high_multiply(a: np.ndarray, b: int) -> np.ndarray:
    """gemmlowp's ``SaturatingRoundingDoublingHighMul`` of int16 numbers; ``b`` is positive."""
    nudged = a * b + np.where(a >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15)))


def _saturated(a: np.ndarray) -> np.ndarray:
    return np.clip(a, INT16_MIN, INT16_MAX)
