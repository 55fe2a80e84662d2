"""FULLY_CONNECTED on Helium for weights of 16 levels: four bits each, two units of which a vector of bytes holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._int4_mve import Int4Blocks, Values
from edgebuild.kernels._mve_output import padded_rows
from edgebuild.kernels.fully_connected_mve import GROUP, LANES, Layer
from edgebuild.ops import Call

UNROLL = 4
"""Vectors of features in a round of the loop."""


@dataclass(frozen=True, eq=False)
class Narrow:
    """The layer and its values, units in whole groups."""

    layer: Layer
    values: Values

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Narrow:
        """The numbers of ``node``."""
        layer = Layer.of(node, graph)
        return cls(layer, Values(layer.weights, GROUP))

    @property
    def groups(self) -> int:
        """Groups of units, the last of which may be cut."""
        return len(self.values.values) // GROUP

    def instructions(self, loops: float) -> float:
        """Executed instructions of one inference, in which all loops take ``loops``."""
        layer, split = self.layer, self.values.split
        cut = 30 * (len(layer.weights) % GROUP > 0)
        return layer.rows * (loops + self.groups * (38 - 2 * split + 4 * layer.output.form.rounding) + 90 + cut)

    def call(
        self, operand: int, weights: list[bytes], padded: int, scalars: dict[str, int], kept: Int4Blocks | None
    ) -> Call:
        """The kernel's struct.

        Args:
            weights: of each group.
            padded: features that are read.
            scalars: fields besides.
            kept: the blocks that are stored, None for all weights.
        """
        layer, (units, features) = self.layer, self.layer.weights.shape
        return Call(
            operands=(operand,),
            scalars={**layer.scalars, **scalars},
            arrays={"weights": self._stream(weights)},
            shape={
                "sparse": int(kept is not None),
                "far": kept.far if kept else 0,
                "split": self.values.split,
                "copied": int(padded != features),
                "cut": int(units % GROUP > 0),
                "uniform": layer.uniform,
                **layer.form,
            },
        )

    def _stream(self, weights: list[bytes]) -> np.ndarray:
        """Group after group: its weights, its steps, and what requantizes it."""
        parts, output = [], self.layer.output
        for index, group in enumerate(weights):
            units = np.array([index * GROUP + lane for lane in LANES])
            real = np.minimum(units, len(output.bias) - 1)  # what is made beyond the last unit is thrown away
            parts += [group, self.values.step[units].astype(np.uint8).tobytes()]
            if self.layer.uniform:
                parts.append((output.bias[real] & 0xFFFFFFFF).astype("<u4").tobytes())
            else:
                parts.append(output.lanes(real.reshape(2, 4), output.form))
        return np.frombuffer(b"".join(parts), np.int32)


class FullyConnectedInt4Mve(Variant):
    """Eight units at a time; an input that is no whole vectors is copied first."""

    op = "fully_connected"
    template = "fully_connected/int4_mve.c.j2"
    features = frozenset({"mve"})
    compact = True
    code = 650
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        return Narrow.of(node, graph).values.narrow

    def scratch(self, node: Node, graph: Graph) -> int:
        features = graph.tensor(node, 1).shape[1]
        return -(-features // 16) * 16 if features % 16 else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        found = Narrow.of(node, graph)
        vectors = -(-found.layer.weights.shape[1] // 16)
        return found.instructions(
            found.groups * ((17 + 4 * found.values.split) * vectors + 2 * -(-vectors // UNROLL) + 4)
        )

    def context(self, node: Node, graph: Graph) -> Call:
        found = Narrow.of(node, graph)
        rows = found.values.bytes(padded_rows(found.values.values))
        vectors = rows.shape[1] // 16
        rounds = -(-vectors // UNROLL)
        # of four units' vectors in turn
        groups = rows.reshape(found.groups, GROUP // 2, vectors, 16).transpose(0, 2, 1, 3)
        skip = (rounds * UNROLL - vectors) * 4 * (17 + 4 * found.values.split)
        scalars = {"rounds": rounds, "skip": skip}
        return found.call(node.inputs[0], [group.tobytes() for group in groups], rows.shape[1], scalars, None)
