"""A network as data: layers in order, each with the shape of what it computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Shape = tuple[int, ...]
Kind = Literal["convolution", "depthwise", "dense", "add", "mean", "flatten", "reshape"]
Activation = Literal["linear", "relu", "relu6"]

MULTIPLE = 4
"""Channels come in multiples of this where there are as many: kernels work on that many lanes at once."""

LEAST_EXTENT = 3
"""An image is not halved below this height or width: a 3 x 3 window would only see its own padding."""


def channels(count: int, width: float) -> int:
    """``width`` times ``count`` channels, rounded to a multiple of :data:`MULTIPLE`; 1 at the least."""
    wanted = count * width
    if wanted < MULTIPLE or count % MULTIPLE:
        return max(1, round(wanted))
    return max(MULTIPLE, round(wanted / MULTIPLE) * MULTIPLE)


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        kind: ``mean`` is the average over height and width.
        name: unique; a batch normalization and an activation of their own append ``_norm`` and ``_relu``.
        inputs: names of the layers before it; ``""`` is the network's input.
        shape: of its output, without batch.
        normalized: a batch normalization follows, and there is no bias.
    """

    kind: Kind
    name: str
    inputs: tuple[str, ...]
    shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    activation: Activation = "linear"
    normalized: bool = False


@dataclass
class Net:
    """A network under construction; each method adds a layer behind ``after`` and returns its name.

    Attributes:
        name: of the model.
        shape: of the input, without batch.
        layers: in execution order; the last one's output is the network's.
    """

    name: str
    shape: Shape
    layers: list[Layer] = field(default_factory=list)

    def convolution(
        self,
        after: str,
        filters: int,
        kernel: int | tuple[int, int] = 1,
        *,
        name: str,
        stride: int = 1,
        activation: Activation = "relu",
    ) -> str:
        """Convolution with padding, batch normalization and activation."""
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (*self._places(after, stride), filters)
        return self._add(Layer("convolution", name, (after,), shape, size, stride, activation, normalized=True))

    def depthwise(
        self, after: str, kernel: int = 3, *, name: str, stride: int = 1, activation: Activation = "relu"
    ) -> str:
        """One filter a channel, with padding, batch normalization and activation."""
        shape = (*self._places(after, stride), self.of(after)[-1])
        return self._add(
            Layer("depthwise", name, (after,), shape, (kernel, kernel), stride, activation, normalized=True)
        )

    def dense(
        self, after: str, units: int, *, name: str, activation: Activation = "linear", normalized: bool = False
    ) -> str:
        """Fully connected."""
        return self._add(Layer("dense", name, (after,), (units,), activation=activation, normalized=normalized))

    def add(self, one: str, other: str, *, name: str, activation: Activation = "linear") -> str:
        """Sum of two values of one shape."""
        return self._add(Layer("add", name, (one, other), self.of(one), activation=activation))

    def mean(self, after: str, *, name: str) -> str:
        """Average over height and width."""
        return self._add(Layer("mean", name, (after,), self.of(after)[-1:]))

    def flatten(self, after: str, *, name: str) -> str:
        """All values in a row."""
        return self._add(Layer("flatten", name, (after,), (math.prod(self.of(after)),)))

    def reshape(self, after: str, shape: Shape, *, name: str) -> str:
        """The same values in another shape."""
        return self._add(Layer("reshape", name, (after,), shape))

    def of(self, name: str) -> Shape:
        """Shape of what layer ``name`` computes."""
        return self.shape if not name else next(layer.shape for layer in self.layers if layer.name == name)

    def halving(self, after: str) -> int:
        """Stride 2 where the image is large enough for it, else 1."""
        return 2 if min(-(-size // 2) for size in self.of(after)[:2]) >= LEAST_EXTENT else 1

    def _places(self, after: str, stride: int) -> tuple[int, int]:
        height, width, _ = self.of(after)
        return -(-height // stride), -(-width // stride)

    def _add(self, layer: Layer) -> str:
        self.layers.append(layer)
        return layer.name
