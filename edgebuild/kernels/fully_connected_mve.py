"""Fully connected layers on Helium: eight units at a time, each weight is loaded once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._mve_convolution import total_macs
from edgebuild.kernels._mve_output import RELU_AT_BOTTOM, Output, chunked
from edgebuild.ops import Call, find, fully_connected
from edgebuild.ops._requantization import Requantization

GROUP = 8
"""Units that share a load of features."""

WORTH = 0.01
"""Share of a model's work in such layers from which units are computed in groups."""

LANES = (0, 2, 4, 6, 1, 3, 5, 7)
"""Units of a group in the order of two vectors' lanes."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A FULLY_CONNECTED node.

    Attributes:
        weights: ``(units, features)``.
    """

    weights: np.ndarray
    output: Output
    rows: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Layer:
        """The numbers of ``node``."""
        source, portable = graph.tensor(node, 0), fully_connected.context(node, graph)
        weights, scalars = portable.arrays["weights"], portable.scalars
        limits = [int(scalars[f"output_{name}"]) for name in ("zero_point", "min", "max")]
        requantization = Requantization(portable.arrays["multiplier"], portable.arrays["shift"], *limits)
        sums = weights.astype(np.int64).sum(axis=1)
        output = Output.of(requantization, portable.arrays["bias"], sums, source.zero_point)
        return cls(weights, output, int(scalars["rows"]))

    @property
    def uniform(self) -> int:
        """Whether all units are scaled alike."""
        return int(len(set(zip(self.output.multiplier.tolist(), self.output.shift.tolist(), strict=True))) == 1)

    @property
    def form(self) -> dict[str, int]:
        """Template constants of the requantization: what one multiplier for all units, or the clamp, makes needless."""
        form = self.output.form.shape
        if self.uniform or form["rounding"] == 2:
            form["wide"] = 0
        if form["clamp"] == RELU_AT_BOTTOM:
            form["clamp"] = 0
        return form

    @property
    def scalars(self) -> dict[str, int]:
        """Sizes, limits, and the scale where all units have one: what a struct holds of units in groups."""
        output, (units, features) = self.output, self.weights.shape
        return {
            "rows": self.rows,
            "features": features,
            "units": units,
            "output_zero_point": output.zero_point,
            "output_min": output.low,
            "output_max": output.high,
            "multiplier": int(output.multiplier[0]),
            "shift": int(output.shift[0]),
        }

    @property
    def loop(self) -> dict[str, int]:
        """Template constants of the loop over features: rounds of ``unroll`` vectors after ``rest``, and the tail."""
        vectors, tail = divmod(self.weights.shape[1], 16)
        if vectors == 0:
            return {"unroll": 0, "rest": 0, "tail": 2}
        unroll = next((u for u in (8, 5, 4) if vectors % u == 0), 4) if vectors > 3 else 0
        return {"unroll": unroll, "rest": vectors % unroll if unroll else vectors, "tail": int(tail > 0)}


class FullyConnectedMve(Variant):
    """Bias, multipliers and shifts are vectors of eight units; one scale for all units makes scalars of them."""

    op = "fully_connected"
    template = "fully_connected/mve.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 500

    def instructions(self, node: Node, graph: Graph) -> float:
        layer = Layer.of(node, graph)
        units, features = layer.weights.shape
        vectors, loop = -(-features // 16), layer.loop
        rounds = vectors // loop["unroll"] if loop["unroll"] else 0
        whole = units // GROUP * GROUP if _worth_grouping(node, graph) else 0
        group = 17 * vectors + 2 * rounds + 26 + 4 * layer.output.form.rounding
        single = (units - whole) * (4 * vectors + 16) + -(-(units - whole) // 4) * 30
        return layer.rows * (55 + 30 * (whole > 0) + whole // GROUP * group + single)

    def context(self, node: Node, graph: Graph) -> Call:
        layer = Layer.of(node, graph)
        output = layer.output
        units, features = layer.weights.shape
        whole = units // GROUP * GROUP if _worth_grouping(node, graph) else 0
        grouped = whole > 0
        arrays: dict[str, np.ndarray] = {}
        scalars = {
            "rows": layer.rows,
            "features": features,
            "units": units,
            "grouped": whole,
            "output_zero_point": output.zero_point,
            "output_min": output.low,
            "output_max": output.high,
        }
        if grouped:
            back = features if features < 16 else -features % 16
            scalars |= {"multiplier": int(output.multiplier[0]), "shift": int(output.shift[0]), "back": back}
            arrays["weights"] = _stream(layer)
        if whole < units:
            pad = (0, (whole - units) % 4)
            arrays |= {
                "single_weights": layer.weights[whole:],
                "single_bias": np.pad(output.bias[whole:], pad).astype(np.int32),
                "single_multiplier": np.pad(output.multiplier[whole:], pad).astype(np.int32),
                "single_shift": np.pad(output.shift[whole:], pad).astype(np.int8),
            }
        return Call(
            operands=(node.inputs[0],),
            scalars=scalars,
            arrays=arrays,
            shape={
                "groups": int(grouped),
                "single": int(whole < units),
                **({**layer.loop, "uniform": layer.uniform, **layer.form} if grouped else {}),
            },
        )


def _worth_grouping(node: Node, graph: Graph) -> bool:
    """Whether such layers are a good part of the model: one by one, units take less code."""
    work = sum(find(n.op).cost(n, graph).macs for n in graph.nodes if n.op == node.op)
    return work >= WORTH * total_macs(graph)


def _stream(layer: Layer) -> np.ndarray:
    """Per group of eight units their vectors of weights in turn, then what requantizes them."""
    rows, output = chunked(layer.weights), layer.output
    parts = []
    for first in range(0, len(rows) // GROUP * GROUP, GROUP):
        vectors = rows[first : first + GROUP].reshape(GROUP, -1, 16).transpose(1, 0, 2)
        parts.append(vectors.tobytes())
        units = [first + lane for lane in LANES]
        if layer.uniform:
            parts.append((output.bias[units] & 0xFFFFFFFF).astype("<u4").tobytes())
        else:
            parts.append(output.lanes(np.reshape(units, (2, 4)), output.form))
    return np.frombuffer(b"".join(parts), np.int8)
