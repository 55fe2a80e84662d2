"""What became of pruned weights and of those of few values: layer by layer, skipped or stored whole, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebuild import kernels
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Kernel

OPERATORS = ("conv_2d", "fully_connected")

FEW = 0.1
"""Share of zeros below which a layer is not taken for pruned."""


def pruned(
    graph: Graph, selection: kernels.Selection, features: frozenset[str], optimize: kernels.Optimize, allowed: bool
) -> tuple[dict[str, Any], ...]:
    """An entry for each layer that is pruned, of 16 levels or stored smaller, as ``docs/report.md`` describes it.

    Args:
        optimize: what ``selection`` was made for.
        allowed: whether kernels were allowed to skip zeros and decode four bits.
    """
    numbers = [
        n
        for n, node in enumerate(graph.nodes)
        if node.op in OPERATORS and (_worth(node, graph) or kernels.compact(selection[n]))
    ]
    if not numbers:
        return ()
    whole = kernels.select(graph, features, optimize, sparse=False)
    entries = []
    for n in numbers:
        node, chosen, dense = graph.nodes[n], selection[n], whole[n]
        assert chosen is not None and dense is not None
        found = [k for k in kernels.candidates(node, graph, features) if kernels.compact(k)]
        best = min(found, key=lambda k: k.instructions(node, graph), default=None)
        compact = chosen if kernels.compact(chosen) else best
        entries.append(
            {
                "name": node.name,
                "op": node.op,
                "zeros": round(float(np.mean(_weights(node, graph) == 0)), 4),
                "levels16": kernels.narrow(_weights(node, graph)),
                "chosen": "compact" if kernels.compact(chosen) else "dense",
                "dense": _figures(dense, node, graph),
                "compact": compact and _figures(compact, node, graph),
                "why_dense": None if kernels.compact(chosen) else _why(compact, dense, node, graph, allowed),
            }
        )
    return tuple(entries)


def _worth(node: Node, graph: Graph) -> bool:
    weights = _weights(node, graph)
    return bool(weights.dtype == np.int8) and (float(np.mean(weights == 0)) >= FEW or kernels.narrow(weights))


def _weights(node: Node, graph: Graph) -> np.ndarray:
    data = graph.tensor(node, 1).data
    assert data is not None
    return data


def _figures(kernel: Kernel, node: Node, graph: Graph) -> dict[str, Any]:
    constants = sum(array.nbytes for array in kernel.context(node, graph).arrays.values())
    predicted = round(kernel.instructions(node, graph))
    return {"kernel": kernel.name, "bytes": constants, "predicted_instructions": predicted}


def _why(compact: Kernel | None, dense: Kernel, node: Node, graph: Graph, allowed: bool) -> str:
    """Why a layer stayed dense, as the end of a sentence."""
    if not allowed:
        return "compact_weights is false"
    if compact is None:
        return "no kernel for this core stores these weights in fewer bytes"
    slower = round(compact.instructions(node, graph) - dense.instructions(node, graph))
    if slower > 0:
        return f"{compact.name} would take {slower:,} more instructions"
    return f"the code of {compact.name} would take more flash than it saves"
