"""SQUEEZE: drops dimensions of extent 1."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Case, _cases
from edgebuild.ops._alias import Alias


class Squeeze(Alias):
    """All dimensions of extent 1, or those listed."""

    tflite = "SQUEEZE"
    versions = range(1, 4)

    def shape(self, node: Node, graph: Graph) -> tuple[int, ...]:
        source = graph.tensor(node, 0).shape
        listed = {int(d) % len(source) for d in node.options.get("squeeze_dims") or ()}
        return tuple(n for i, n in enumerate(source) if n != 1 or (listed and i not in listed))

    def cases(self) -> Iterator[Case]:
        source, output = _cases.activation("input", (1, 1, 1, 6)), _cases.activation("output", (1, 6))
        yield Case("two dimensions", _cases.graph("squeeze", (source,), output, {"squeeze_dims": [1, 2]}, 1))
