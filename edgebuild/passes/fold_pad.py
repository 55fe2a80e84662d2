"""Lets a convolution pad by itself what a PAD before it would have to write out."""

from __future__ import annotations

from dataclasses import replace

from edgebuild.ir.graph import Graph, Node
from edgebuild.ops._window import EXPLICIT
from edgebuild.passes import Pass


class FoldPad(Pass):
    """No RAM and no copy for padding that frameworks put in front of strided convolutions."""

    def run(self, graph: Graph) -> Graph:
        nodes = list(graph.nodes)
        for pad in graph.nodes:
            readers = [n for n in graph.nodes if pad.outputs and pad.outputs[0] in n.inputs]
            if pad.op != "pad" or pad.outputs[0] in graph.outputs or not _spatial(pad, graph):
                continue
            if not readers or not all(_takes_over(n, pad.outputs[0]) for n in readers):
                continue
            for reader in readers:
                nodes[nodes.index(reader)] = _padding_itself(reader, pad, graph)
            nodes.remove(pad)
        return replace(graph, nodes=tuple(nodes)) if len(nodes) < len(graph.nodes) else graph


def _amounts(pad: Node, graph: Graph) -> tuple[tuple[int, int], ...]:
    data = graph.tensor(pad, 1).data
    assert data is not None
    return tuple((int(before), int(after)) for before, after in data.reshape(-1, 2))


def _spatial(pad: Node, graph: Graph) -> bool:
    """Whether only rows and columns are added, to an int8 image."""
    source = graph.tensor(pad, 0)
    if len(source.shape) != 4 or not graph.tensor(pad, 1).constant:
        return False
    batch, rows, columns, channels = _amounts(pad, graph)
    same = source.quantization == graph.output(pad).quantization
    return same and batch == channels == (0, 0) and min(*rows, *columns) >= 0


def _takes_over(reader: Node, tensor: int) -> bool:
    convolution = reader.op in ("conv_2d", "depthwise_conv_2d") and reader.inputs.count(tensor) == 1
    return convolution and reader.inputs[0] == tensor and reader.options["padding"] == "VALID"


def _padding_itself(reader: Node, pad: Node, graph: Graph) -> Node:
    _, rows, columns, _ = _amounts(pad, graph)
    return replace(
        reader,
        inputs=(pad.inputs[0], *reader.inputs[1:]),
        options={**reader.options, EXPLICIT: (rows, columns)},
    )
