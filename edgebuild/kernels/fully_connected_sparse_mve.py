"""FULLY_CONNECTED on Helium for pruned weights: blocks of eight units times four features are skipped where zero."""

from __future__ import annotations

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._sparse_mve import AT_ONCE, INPUTS, Blocks
from edgebuild.kernels.fully_connected_mve import GROUP, LANES, Layer
from edgebuild.ops import Call

_ROUND = 20
"""Instructions that multiply four blocks of eight units."""


class FullyConnectedSparseMve(Variant):
    """Layers of eight units and more, whose rows of features are whole words, as a gather needs them."""

    op = "fully_connected"
    template = "fully_connected/sparse_mve.c.j2"
    features = frozenset({"mve"})
    compact = True
    skips = (8, 4)
    at_once = AT_ONCE
    code = 300

    def exact(self, node: Node, graph: Graph) -> bool:
        units, features = graph.tensor(node, 1).shape
        if units < GROUP or features % INPUTS or features >= INPUTS * 2**16:
            return False
        blocks = _blocks(Layer.of(node, graph))
        return blocks.bytes <= len(blocks.rows) * (-(-features // 16) * 16)

    def instructions(self, node: Node, graph: Graph) -> float:
        layer = Layer.of(node, graph)
        blocks = _blocks(layer)
        units, features = layer.weights.shape
        groups = _ROUND * sum(blocks.rounds) + units // GROUP * (30 + 4 * layer.output.form.rounding)
        single = 4 * -(-features // 16) + 44
        return layer.rows * (84 + groups + units % GROUP * single)

    def context(self, node: Node, graph: Graph) -> Call:
        layer = Layer.of(node, graph)
        output, units = layer.output, len(layer.weights)
        blocks, whole = _blocks(layer), units // GROUP * GROUP
        arrays = {"weights": _stream(layer, blocks)}
        if whole < units:
            arrays |= {
                "single_weights": layer.weights[whole:],
                "single_bias": output.bias[whole:].astype(np.int32),
                "single_multiplier": output.multiplier[whole:].astype(np.int32),
                "single_shift": output.shift[whole:].astype(np.int8),
            }
        return Call(
            operands=(node.inputs[0],),
            scalars=layer.scalars,
            arrays=arrays,
            shape={"single": int(whole < units), "far": blocks.far, "uniform": layer.uniform, **layer.form},
        )


def _blocks(layer: Layer) -> Blocks:
    """The blocks of the units that make whole groups."""
    return Blocks(layer.weights[: len(layer.weights) // GROUP * GROUP], GROUP, GROUP)


def _stream(layer: Layer, blocks: Blocks) -> np.ndarray:
    """Group after group: its rounds, then what requantizes it."""
    parts = []
    for index in range(len(blocks.stored)):
        units = [index * GROUP + lane for lane in LANES]
        parts.append(blocks.packed(index))
        if layer.uniform:
            parts.append((layer.output.bias[units] & 0xFFFFFFFF).astype("<u4").tobytes())
        else:
            parts.append(layer.output.lanes(np.reshape(units, (2, 4)), layer.output.form))
    return np.frombuffer(b"".join(parts), np.int32)
