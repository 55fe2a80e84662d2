"""Removes nodes whose outputs nobody reads, and tensors that no node mentions."""

from __future__ import annotations

from dataclasses import replace

from edgebuild.ir.graph import ABSENT, Graph
from edgebuild.passes import Pass


class RemoveUnused(Pass):
    """No code for branches that end nowhere; tensor numbers become dense."""

    def run(self, graph: Graph) -> Graph:
        wanted, nodes = set(graph.outputs), []
        for node in reversed(graph.nodes):
            if wanted & set(node.outputs):
                nodes.append(node)
                wanted |= {i for i in node.inputs if i != ABSENT}
        nodes.reverse()
        used = wanted | set(graph.inputs) | {i for n in nodes for i in n.outputs}
        numbers = {old: new for new, old in enumerate(sorted(used))}

        def renumber(indices: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(ABSENT if i == ABSENT else numbers[i] for i in indices)

        return replace(
            graph,
            tensors=tuple(graph.tensors[i] for i in sorted(used)),
            nodes=tuple(replace(n, inputs=renumber(n.inputs), outputs=renumber(n.outputs)) for n in nodes),
            inputs=renumber(graph.inputs),
            outputs=renumber(graph.outputs),
        )
