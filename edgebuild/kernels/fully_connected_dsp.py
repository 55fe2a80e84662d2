"""FULLY_CONNECTED with the DSP extension: eight units at a time, weights of one byte, no scratch memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._dsp_channels import Channels
from edgebuild.kernels._dsp_dense import Dense
from edgebuild.kernels._dsp_pairs import biases, in_order, multipliers, pairs, requantization, separable, weights
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization

_EACH = {"general": 40, "one": 6, "relu": 9, "round": 11}
"""Instructions that an output takes beside its multiplications."""


@dataclass(frozen=True, eq=False)
class _Dense:
    """The node as the kernel sees it; ``uniform`` when one multiplier serves all units."""

    channels: Channels
    requantization: Requantization
    features: int
    rows: int
    uniform: bool

    @classmethod
    def of(cls, node: Node, graph: Graph) -> _Dense:
        dense = Dense.of(node, graph)
        channels = dense.channels if len(dense.channels.bias) > 1 else dense.channels.general()
        uniform = dense.form == "one" and channels.form != "general"
        return cls(channels, dense.requantization, dense.features, dense.rows, uniform)

    @property
    def order(self) -> np.ndarray:
        order = in_order(-(-self.features // 4) * 4)
        return np.where(order < self.features, order, -1)

    def packed(self) -> np.ndarray:
        """For eight units and then for two: biases, weights of four inputs after four, requantization."""
        order, all_pairs = self.order, pairs(len(self.channels.bias))
        whole = len(self.channels.bias) // 8 * 4
        groups = [all_pairs[i : i + 4] for i in range(0, whole, 4)] + [[pair] for pair in all_pairs[whole:]]
        stream = []
        for group in groups:
            stream += [biases(self.channels, pair) for pair in group]
            each = [weights(self.channels, pair, order).reshape(-1, 2) for pair in group]
            stream.append(np.stack(each, axis=1).reshape(-1))
            if self.channels.form != "general" and not self.uniform:
                stream += [requantization(self.channels, pair) for pair in group]
        return np.concatenate(stream)


class FullyConnectedDsp(Variant):
    """Any fully connected layer; an input that is no whole words is copied to the scratch memory first."""

    op = "fully_connected"
    template = "fully_connected/dsp.c.j2"
    features = frozenset({"thumb2", "dsp"})
    includes = ("string.h",)
    code = 1900

    def exact(self, node: Node, graph: Graph) -> bool:
        return separable(_Dense.of(node, graph).channels)

    def context(self, node: Node, graph: Graph) -> Call:
        dense = _Dense.of(node, graph)
        channels, found = dense.channels, dense.requantization
        general = channels.form == "general"
        clamp = (found.low, found.high) != (-128, 127)
        scalars = {
            "rows": dense.rows,
            "features": dense.features,
            "units": len(channels.bias),
            "output_zero_point": found.zero_point,
        }
        arrays = {"weights": dense.packed()}
        if dense.uniform:
            (odd, odd_code), (even, even_code) = multipliers(channels, (0, 1))
            scalars |= {"multiplier_odd": odd, "multiplier_even": _wrapped(even)}
            scalars |= {"code_odd": odd_code, "code_even": even_code}
        if clamp or general:
            scalars |= {"output_min": found.low, "output_max": found.high}
        if general:
            arrays |= {"multiplier": channels.multiplier.astype(np.int32), "shift": (-channels.shift).astype(np.int8)}
        form = 0 if general else 2 if dense.uniform else 1 if channels.form == "relu" else 3
        shape = {"form": form, "clamp": int(clamp and not general), "copied": int(dense.features % 4 != 0)}
        return Call((node.inputs[0],), scalars, arrays, shape)

    def scratch(self, node: Node, graph: Graph) -> int:
        features = graph.tensor(node, 1).shape[1]
        return -(-features // 4) * 4 if features % 4 else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        dense = _Dense.of(node, graph)
        blocks, units = -(-dense.features // 4), len(dense.channels.bias)
        each = _EACH["one" if dense.uniform else dense.channels.form]
        eights, twos = divmod(units, 8)
        per_row = eights * 31.75 * blocks + -(-twos // 2) * 10.75 * blocks + units * each
        return dense.rows * (per_row + 80) + 30


def _wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31
