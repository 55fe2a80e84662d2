"""RESHAPE: another shape for the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Case, _cases
from edgebuild.ops._alias import Alias


class Reshape(Alias):
    """The shape comes from the second input, or from the option where that is left out."""

    tflite = "RESHAPE"
    versions = range(1, 2)

    def shape(self, node: Node, graph: Graph) -> tuple[int, ...]:
        given = graph.optional(node, 1)
        if given is not None and given.data is not None:
            wanted = [int(n) for n in given.data.reshape(-1)]
        else:
            wanted = [int(n) for n in node.options.get("new_shape", graph.output(node).shape)]
        elements = graph.tensor(node, 0).elements
        known = int(np.prod([n for n in wanted if n >= 0], dtype=np.int64))
        return tuple(elements // known if n < 0 else n for n in wanted)

    def cases(self) -> Iterator[Case]:
        def case(name: str, source: tuple[int, ...], result: tuple[int, ...], asked: tuple[int, ...]) -> Case:
            shape = _cases.constant("shape", np.array(asked, np.int32))
            inputs = (_cases.activation("input", source), shape)
            output = _cases.activation("output", result)
            return Case(name, _cases.graph("reshape", inputs, output, {"new_shape": list(asked)}, 1))

        yield case("flatten", (1, 3, 4, 2), (1, 24), (1, 24))
        yield case("one extent left open", (1, 24), (1, 4, 6), (1, -1, 6))
