"""Ways to write a convolution as two smaller ones, from its own weights.  numpy only.

A kernel is ``(height, width, inputs, outputs)``; that of a Dense layer has height and width 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["channels", "depthwise", "spatial"]
Kernel = NDArray[np.float32]

SHARES = (0.85, 0.7, 0.55, 0.42, 0.32, 0.24, 0.18, 0.12, 0.08)
"""Ranks are tried that leave these shares of a layer's multiply-accumulates."""

MULTIPLE = 4
"""Ranks come in multiples of this where they are large enough: kernels work on that many channels at once."""


@dataclass(frozen=True)
class Place:
    """Where a kernel works.

    Attributes:
        rows: of the output.
        columns: of the output.
        input_columns: of the input, on which the first part of a spatial pair still works.
        calls: how often the layer is called in an inference.
    """

    rows: int
    columns: int
    input_columns: int
    calls: int = 1


@dataclass(frozen=True)
class Form:
    """A pair that can stand for a kernel.

    Attributes:
        kind: ``channels``: the same window to ``rank`` channels, then 1 x 1; ``depthwise``: ``rank`` filters an
            input channel, then 1 x 1; ``spatial``: height x 1 to ``rank`` channels, then 1 x width.
        macs: multiply-accumulates of an inference.
        weights: without biases.
    """

    kind: Kind
    rank: int
    macs: int
    weights: int


@dataclass(frozen=True, eq=False)
class Seen:
    """What a layer answers to real samples, before bias and activation.

    Attributes:
        mean: ``(outputs,)``.
        axes: orthonormal, ``(outputs, outputs)``; a column each, those along which the answers vary most first.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]


def whole(kernel: Kernel, place: Place) -> int:
    """Multiply-accumulates of the kernel as it is."""
    return place.calls * place.rows * place.columns * kernel.size


def forms(kernel: Kernel, place: Place, kinds: tuple[str, ...]) -> list[Form]:
    """Pairs with fewer multiply-accumulates and fewer weights than the kernel, and distinct."""
    height, width, inputs, outputs = kernel.shape
    found: dict[tuple[str, int], Form] = {}
    full, points = whole(kernel, place), place.calls * place.rows * place.columns

    def consider(kind: Kind, rank: int, macs: int, weights: int) -> None:
        if macs < full and weights < kernel.size:
            found[kind, rank] = Form(kind, rank, macs, weights)

    if "channels" in kinds:
        one = height * width * inputs + outputs
        for rank in _ranks(full / (points * one), min(height * width * inputs, outputs)):
            consider("channels", rank, points * rank * one, rank * one)
    if "depthwise" in kinds and height * width > 1 and inputs > 1:
        for rank in (1, 2):
            weights = rank * inputs * (height * width + outputs)
            consider("depthwise", rank, points * weights, weights)
    if "spatial" in kinds and height > 1 and width > 1:
        first, second = height * inputs, width * outputs
        each = place.calls * place.rows * (place.input_columns * first + place.columns * second)
        for rank in _ranks(full / each, min(first, second)):
            consider("spatial", rank, rank * each, rank * (first + second))
    return sorted(found.values(), key=lambda form: (-form.macs, form.kind))


def _ranks(even: float, most: int) -> list[int]:
    """Ranks at the :data:`SHARES` of ``even``, the rank at which nothing is saved."""
    found = set()
    for share in SHARES:
        rank = even * share
        rank = round(rank / MULTIPLE) * MULTIPLE if rank >= 2 * MULTIPLE else int(rank)
        if 1 <= rank < most:
            found.add(int(rank))
    return sorted(found)


def split(kernel: Kernel, form: Form, seen: Seen | None) -> tuple[Kernel, Kernel, NDArray[np.float32]]:
    """The kernels of the two parts, and what to add to the bias.

    ``channels`` keeps the axes along which the answers to real samples vary most (Zhang et al., 2015), or without
    samples those of the weights; the others are the best approximations of the weights (singular values).
    """
    height, width, inputs, outputs = kernel.shape
    nothing = np.zeros(outputs, np.float32)
    if form.kind == "channels":
        flat = kernel.reshape(-1, outputs)
        axes = (seen.axes if seen is not None else _svd(flat)[1].T)[:, : form.rank]
        first = (flat @ axes).reshape(height, width, inputs, form.rank)
        shift = nothing if seen is None else seen.mean - axes @ (axes.T @ seen.mean)
        return _f32(first), _f32(axes.T[None, None]), _f32(shift)
    if form.kind == "depthwise":
        first = np.empty((height, width, inputs, form.rank), np.float32)
        second = np.empty((inputs, form.rank, outputs), np.float32)
        for channel in range(inputs):
            left, right = _svd(kernel[:, :, channel].reshape(-1, outputs), form.rank)
            first[:, :, channel] = left.reshape(height, width, form.rank)
            second[channel] = right
        return first, second.reshape(1, 1, -1, outputs), nothing
    left, right = _svd(kernel.transpose(0, 2, 1, 3).reshape(height * inputs, width * outputs), form.rank)
    first = left.reshape(height, 1, inputs, form.rank)
    return _f32(first), _f32(right.reshape(1, form.rank, width, outputs).transpose(0, 2, 1, 3)), nothing


def joined(first: Kernel, second: Kernel, form: Form) -> Kernel:
    """The one kernel that computes what the two parts do."""
    if form.kind == "channels":
        return _f32(np.einsum("hwir,or->hwio", first, second[0, 0].T))
    if form.kind == "depthwise":
        _, _, inputs, rank = first.shape
        return _f32(np.einsum("hwir,iro->hwio", first, second.reshape(inputs, rank, -1)))
    return _f32(np.einsum("hir,wro->hwio", first[:, 0], second[0]))


def _svd(matrix: NDArray[Any], rank: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Best approximation of ``matrix`` as a product, both factors with columns or rows of like size."""
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    if rank is None:
        return left, right
    root = np.sqrt(values[:rank])
    if len(root) < rank:  # a window has fewer places than filters were asked for
        pad = rank - len(root)
        left, root, right = np.pad(left, ((0, 0), (0, pad))), np.pad(root, (0, pad)), np.pad(right, ((0, pad), (0, 0)))
    return left[:, :rank] * root, root[:, None] * right[:rank]


def _f32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)
