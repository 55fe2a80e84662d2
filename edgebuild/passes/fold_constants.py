"""Computes at build time what batch 1 and constant inputs decide."""

from __future__ import annotations

from dataclasses import replace

from edgebuild import ops
from edgebuild.ir.graph import ABSENT, Graph, Node
from edgebuild.passes import Pass


class FoldConstants(Pass):
    """No code and no RAM for shapes that Keras computes at run time (SHAPE, STRIDED_SLICE, PACK)."""

    def run(self, graph: Graph) -> Graph:
        tensors, nodes = list(graph.tensors), []
        for node in graph.nodes:
            current = replace(graph, tensors=tuple(tensors))
            if not _known(node, current):
                nodes.append(node)
                continue
            arguments = [None if i == ABSENT else tensors[i].data for i in node.inputs]
            results = ops.find(node.op).evaluate(node, current, arguments)
            for index, value in zip(node.outputs, results, strict=True):
                tensors[index] = replace(tensors[index], data=value.reshape(tensors[index].shape))
        return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes)) if len(nodes) < len(graph.nodes) else graph


def _known(node: Node, graph: Graph) -> bool:
    if not ops.known(node.op) or any(i in graph.outputs for i in node.outputs):
        return False
    if node.op == "shape":
        return True
    refused = any(not rule(node, graph) for rule in ops.find(node.op).rules if rule.__name__ == "plain_masks")
    return not refused and all(i == ABSENT or graph.tensors[i].constant for i in node.inputs)
