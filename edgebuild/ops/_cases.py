"""Builds one-node graphs with random constants: the raw material of every operator's ``cases``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgebuild.ir.graph import ABSENT, Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization


def random(name: str) -> np.random.Generator:
    """A generator seeded by a case's name, the same in every process."""
    return np.random.default_rng(list(name.encode()))


def activation(
    name: str, shape: Sequence[int], scale: float = 0.05, zero_point: int = 0, dtype: DType = DType.INT8
) -> Tensor:
    """A tensor computed at run time."""
    quantization = Quantization((float(np.float32(scale)),), (zero_point,)) if dtype is DType.INT8 else None
    return Tensor(name, tuple(shape), dtype, quantization)


def weights(
    source: np.random.Generator,
    shape: Sequence[int],
    axis: int = 0,
    per_channel: bool = True,
    low: int = -127,
    scale: float = 0.01,
) -> Tensor:
    """Constant int8 weights with one scale per channel of ``axis``, or one in all."""
    channels = shape[axis] if per_channel else 1
    scales = tuple(float(s) for s in (scale * source.uniform(0.3, 3.0, channels)).astype(np.float32))
    data = source.integers(low, 128, shape).astype(np.int8)
    return Tensor("weights", tuple(shape), DType.INT8, Quantization(scales, (0,) * channels, axis), data)


def pruned(source: np.random.Generator, weight: Tensor, rows: int, share: float) -> Tensor:
    """``weight`` with ``share`` of its blocks of ``rows`` outputs times four inputs set to zero."""
    assert weight.data is not None
    data = weight.data.copy()
    for row in range(0, data.shape[0], rows):
        for column in range(0, data.shape[-1], 4):
            gone = source.random(data.shape[1:-1]) < share
            data[row : row + rows, ..., column : column + 4][:, gone] = 0
    return replace(weight, data=data)


def coarse(weight: Tensor) -> Tensor:
    """``weight`` with at most sixteen levels: multiples of 16."""
    assert weight.data is not None
    return replace(weight, data=(weight.data // 16 * 16).astype(np.int8))


def few(weight: Tensor) -> Tensor:
    """``weight`` with four values, whose steps are uneven."""
    assert weight.data is not None
    return replace(weight, data=np.array([-121, -30, 17, 96], np.int8)[weight.data % 4])


def bias(source: np.random.Generator, weight: Tensor, input_scale: float, channels: int, span: int = 4000) -> Tensor:
    """A constant int32 bias whose scales are input scale times weight scale."""
    assert weight.quantization is not None
    scales = tuple(float(np.float32(input_scale * s)) for s in weight.quantization.scales)
    data = source.integers(-span, span, channels).astype(np.int32)
    return Tensor("bias", (channels,), DType.INT32, Quantization(scales, (0,) * len(scales)), data)


def constant(name: str, data: np.ndarray, quantization: Quantization | None = None) -> Tensor:
    """A constant of the model."""
    return Tensor(name, data.shape, DType(data.dtype.name), quantization, data)


def graph(
    op: str,
    inputs: Sequence[Tensor | None],
    output: Tensor,
    options: Mapping[str, Any] | None = None,
    version: int = 1,
) -> Graph:
    """A model of one node: run-time inputs become the model's inputs."""
    tensors = [t for t in inputs if t is not None]
    indices, position = [], 0
    for tensor in inputs:
        indices.append(ABSENT if tensor is None else position)
        position += tensor is not None
    named = [replace(t, name=f"{t.name}_{i}") for i, t in enumerate(tensors)]
    node = Node(op, tuple(indices), (len(tensors),), dict(options or {}), output.name, version)
    runtime = tuple(i for i, t in enumerate(tensors) if not t.constant)
    return Graph("case", (*named, output), (node,), runtime, (len(tensors),))
