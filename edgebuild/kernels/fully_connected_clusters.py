"""FULLY_CONNECTED in plain C for weights of at most sixteen values a unit: a table, and two to four bits a weight."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._clusters import Clusters, folded
from edgebuild.ops import Call, fully_connected


class FullyConnectedClusters(Variant):
    """Any layer, on any Cortex-M; a row of features that is no whole words of indices is copied first."""

    op = "fully_connected"
    template = "fully_connected/clusters.c.j2"
    features = frozenset({"thumb"})
    compact = True
    code = 500
    includes = ("string.h",)

    def exact(self, node: Node, graph: Graph) -> bool:
        portable = fully_connected.context(node, graph)
        rows = portable.arrays["weights"]
        found = Clusters.of(rows)
        if found is None or not found.smaller(rows):
            return False
        return folded(rows, portable.arrays["bias"], int(portable.scalars["input_zero_point"])) is not None

    def context(self, node: Node, graph: Graph) -> Call:
        portable = fully_connected.context(node, graph)
        scalars, arrays = dict(portable.scalars), dict(portable.arrays)
        rows = arrays.pop("weights")
        found, bias = Clusters.of(rows), folded(rows, arrays["bias"], int(scalars.pop("input_zero_point")))
        assert found is not None and bias is not None
        one = fully_connected.one_scale(node, graph)
        if one:
            scalars |= {"multiplier": int(arrays.pop("multiplier")[0]), "shift": int(arrays.pop("shift")[0])}
        copied = int(rows.shape[1] % found.per_word > 0)
        return Call(
            operands=portable.operands,
            scalars=scalars | found.scalars(),
            arrays={**found.arrays(), **arrays, "bias": bias},
            shape={"bits": found.bits, "one": int(one), "copied": copied},
        )

    def scratch(self, node: Node, graph: Graph) -> int:
        found = Clusters.of(fully_connected.context(node, graph).arrays["weights"])
        assert found is not None
        features = found.indices.shape[1]
        return found.words * found.per_word if features % found.per_word else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        portable = fully_connected.context(node, graph)
        found = Clusters.of(portable.arrays["weights"])
        assert found is not None
        units = len(found.indices)
        return int(portable.scalars["rows"]) * (
            units * (7.5 * found.words * found.per_word + 6 * found.words + 70) + 60
        )
