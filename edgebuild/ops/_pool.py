"""What the two pooling operators share: options, rules, geometry and cases."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph, Node
from edgebuild.ops import Call, Case, Cost, Kernel, Operator, Portable, Rows, TensorType, _cases, _rules
from edgebuild.ops._window import Window


class Pool(Operator):
    """A pooling operator: no weights, padding left out of the window, input and output quantized alike."""

    rules = (
        _rules.int8_activations,
        _rules.one_batch,
        _rules.four_dimensions,
        _rules.known_activation,
        _rules.same_quantization,
    )
    name: str

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        return (Portable(context, f"{self.name}/portable.c.j2", work=_work),)

    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        source = graph.tensor(node, 0)
        return (TensorType((1, *window_of(node, graph).output, source.shape[3]), source.dtype),)

    @abstractmethod
    def reduce(self, patches: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """One value per window.

        Args:
            patches: ``(y, x, i, j, channel)`` int64, 0 in the padding.
            inside: the same shape, 1 inside the image and 0 in the padding.
        """

    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        (image,) = inputs
        assert image is not None
        window = window_of(node, graph)
        patches, inside = (
            arithmetic.windows(a, 0, window.kernel, window.stride, window.before, window.output)
            for a in (image[0].astype(np.int64), np.ones_like(image[0], np.int64))
        )
        low, high = limits(node, graph)
        return (np.clip(self.reduce(patches, inside), low, high).astype(np.int8)[None],)

    def cost(self, node: Node, graph: Graph) -> Cost:
        window, elements = window_of(node, graph), graph.output(node).elements
        return Cost(elements=elements, reads=elements * window.kernel[0] * window.kernel[1])

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        channels = graph.output(node).shape[3]
        return window_of(node, graph).rows(channels, channels)

    def cases(self) -> Iterator[Case]:
        def case(name: str, height: int, width: int, channels: int, kernel: tuple[int, int], **more: Any) -> Case:
            options = {
                "padding": "SAME",
                "stride_h": kernel[0],
                "stride_w": kernel[1],
                "filter_height": kernel[0],
                "filter_width": kernel[1],
                "fused_activation_function": "NONE",
                **more,
            }
            size = [
                arithmetic.output_extent(options["padding"], n, k, options[f"stride_{a}"])
                for a, n, k in zip("hw", (height, width), kernel, strict=True)
            ]
            source = _cases.activation("input", (1, height, width, channels), 0.05, -3)
            output = _cases.activation("output", (1, *size, channels), 0.05, -3)
            return Case(name, _cases.graph(self.name, (source,), output, options, 2))

        yield case("overlapping windows with padding", 7, 5, 3, (3, 3), stride_h=2, stride_w=2)
        yield case("2x2 VALID, odd size", 5, 7, 4, (2, 2), padding="VALID")
        yield case("global", 25, 5, 6, (25, 5), padding="VALID")
        yield case("W = 1, RELU", 12, 1, 5, (4, 1), fused_activation_function="RELU")
        yield case("1xN, RELU6", 3, 9, 2, (1, 3), stride_w=2, fused_activation_function="RELU6")


def _work(node: Node, graph: Graph) -> float:
    height, width = window_of(node, graph).kernel
    return graph.output(node).elements * (9.0 * height * width + 30)


def window_of(node: Node, graph: Graph) -> Window:
    """The node's window."""
    return Window.of(node, graph, (node.options["filter_height"], node.options["filter_width"]))


def limits(node: Node, graph: Graph) -> tuple[int, int]:
    """Clamp limits of the fused activation."""
    result = graph.output(node)
    return arithmetic.activation_range(node.options["fused_activation_function"], result.scale, result.zero_point)


def context(node: Node, graph: Graph) -> Call:
    """The portable kernels' struct."""
    low, high = limits(node, graph)
    return Call(
        operands=(node.inputs[0],),
        scalars={
            **window_of(node, graph).scalars(),
            "channels": graph.output(node).shape[3],
            "output_min": low,
            "output_max": high,
        },
    )
