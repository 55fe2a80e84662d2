"""From int32 accumulators to int8 outputs, one multiplier and shift per output channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node


@dataclass(frozen=True, eq=False)
class Requantization:
    """Requantization of a convolution-like node.

    Attributes:
        multiplier, shift: one per output channel, int32 and int8.
        zero_point: of the output.
        low, high: clamp limits of the fused activation.
    """

    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int

    @classmethod
    def of(cls, node: Node, graph: Graph, channels: int) -> Requantization:
        """The requantization of ``node``, whose weights are its second input."""
        weight, result = graph.tensor(node, 1), graph.output(node)
        assert weight.quantization is not None
        multiplier, shift = arithmetic.channel_multipliers(
            graph.tensor(node, 0).scale, weight.quantization, result.scale, channels
        )
        return cls.with_multipliers(node, graph, multiplier, shift)

    @classmethod
    def with_multipliers(cls, node: Node, graph: Graph, multiplier: np.ndarray, shift: np.ndarray) -> Requantization:
        """The same with multipliers that the caller computed."""
        result = graph.output(node)
        activation = node.options.get("fused_activation_function", "NONE")
        low, high = arithmetic.activation_range(activation, result.scale, result.zero_point)
        return cls(multiplier, shift, result.zero_point, low, high)

    def apply(self, accumulated: np.ndarray) -> np.ndarray:
        """int8 outputs of int32 accumulators; the last axis is the channel."""
        scaled = arithmetic.requantize(arithmetic.wrap_int32(accumulated), self.multiplier, self.shift)
        return np.clip(scaled + self.zero_point, self.low, self.high).astype(np.int8)

    def scalars(self) -> dict[str, int]:
        """Fields of a layer struct."""
        return {"output_zero_point": self.zero_point, "output_min": self.low, "output_max": self.high}

    def arrays(self) -> dict[str, np.ndarray]:
        """Constant arrays of a layer."""
        return {"multiplier": self.multiplier, "shift": self.shift}


def bias_or_zeros(bias: np.ndarray | None, channels: int) -> np.ndarray:
    """The bias, or zeros when the node has none."""
    return np.zeros(channels, np.int32) if bias is None else bias.astype(np.int32)
