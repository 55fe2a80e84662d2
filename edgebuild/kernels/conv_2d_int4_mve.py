"""CONV_2D on Helium for weights of 16 levels: four bits each, two channels of which a vector of bytes holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant, _mve_groups
from edgebuild.kernels._int4_mve import Values
from edgebuild.kernels._mve_convolution import TILE, Convolution
from edgebuild.kernels._mve_output import padded_rows
from edgebuild.kernels._mve_windows import Windows
from edgebuild.ops import Call

UNROLL = 4
"""Vectors of inputs in a round of the loop over the depth."""

_SUMS = 8
"""Instructions that take the sums of two channels apart and apply their steps."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution, its windows and values."""

    layer: Convolution
    windows: Windows
    values: Values

    @classmethod
    def of(cls, node: Node, graph: Graph, whole: bool) -> Layer:
        """The numbers of ``node``; with ``whole`` its windows are whole vectors."""
        layer = Convolution.of(node, graph)
        return cls(layer, Windows.of(layer, own_loop=not whole), Values(layer.rows, 4))

    def stream(self, weights: list[bytes]) -> np.ndarray:
        """Pair after pair of channels: their weights, their steps as halves of a word, and what requantizes them."""
        parts, output = [], self.layer.output
        for index, pair in enumerate(weights):
            first = 2 * index
            words = output.words((first, first + 1), output.form)
            step = self.values.step[first : first + 2].astype("<u2")
            parts += [pair, step.tobytes(), words[:2].T.tobytes(), words[2:].tobytes()]
        return np.frombuffer(b"".join(parts), np.int32)

    @property
    def shape(self) -> dict[str, int]:
        """Template constants."""
        windows = self.windows
        shape = {"windows": int(not windows.direct), "staged": int(windows.staged > 0), "split": self.values.split}
        return shape | self.layer.output.form.shape


class Conv2DInt4Mve(Variant):
    """Any convolution without groups whose filters have 16 levels each."""

    op = "conv_2d"
    template = "conv_2d/int4_mve.c.j2"
    features = frozenset({"mve"})
    compact = True
    code = 950
    includes = ("arm_mve.h",)
    whole: ClassVar[bool] = True

    def exact(self, node: Node, graph: Graph) -> bool:
        if graph.tensor(node, 1).shape[3] != graph.tensor(node, 0).shape[3]:
            return False
        return Layer.of(node, graph, self.whole).values.narrow

    def scratch(self, node: Node, graph: Graph) -> int:
        return Windows.of(Convolution.of(node, graph), own_loop=not self.whole).scratch

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Layer.of(node, graph, True)
        layer, chunks = found.layer, found.windows.slot // 16
        products = 2 * ((14 + found.values.split) * chunks + 2 * -(-chunks // UNROLL) + 4)
        quads = -(-layer.filters // 4)
        tile = quads * (products + _mve_groups.quad(layer.output.form, _SUMS - 2 * found.values.split)) + 20
        return _mve_groups.around(layer, found.windows) + -(-layer.pixels // TILE) * tile

    def context(self, node: Node, graph: Graph) -> Call:
        found = Layer.of(node, graph, True)
        layer, windows, values = found.layer, found.windows, found.values
        chunks = windows.slot // 16
        rounds = -(-chunks // UNROLL)
        skip = (rounds * UNROLL - chunks) * 4 * (14 + values.split)
        rows = values.bytes(padded_rows(values.values))
        return Call(
            operands=(node.inputs[0],),
            scalars=_mve_groups.scalars(layer, windows, layer.output.form) | {"rounds": rounds, "skip": skip},
            arrays={"weights": found.stream([row.tobytes() for row in rows])},
            shape={"sparse": 0, "far": 0, **found.shape},
        )
