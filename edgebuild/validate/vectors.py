"""Inputs for the byte comparison: pseudo-random, the same on every machine and in every version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebuild.artifacts import Interface, Port
from edgebuild.validate.ports import pack

_MASK = 0xFFFFFFFF


def xorshift(seed: int, count: int) -> np.ndarray:
    """``count`` int8 values: Marsaglia's xorshift32 from state ``seed``, the low byte after each step.

    Args:
        seed: the first state, 1 to 2**32 - 1; from 0 nothing but zeros would come.
    """
    if not 0 < seed <= _MASK:
        raise ValueError(f"xorshift32 needs a state from 1 to 2**32 - 1, not {seed}")
    state, values = seed, bytearray(count)
    for i in range(count):
        state ^= state << 13 & _MASK
        state ^= state >> 17
        state ^= state << 5 & _MASK
        values[i] = state & 0xFF
    return np.frombuffer(bytes(values), np.int8)


def random_inputs(interface: Interface, count: int) -> np.ndarray:
    """``count`` vectors, from seeds 1, 2, 3 …; array ``(count, bytes of all inputs)`` of uint8.

    The values of a vector run through the inputs in order.  An integer input takes them as they are, a float
    input as ``scale * (value - zero_point)``, which is the value itself where the port is not quantized.
    """
    ports = interface.inputs
    lengths = [port.bytes // np.dtype(port.dtype).itemsize for port in ports]
    streams = [xorshift(seed, sum(lengths)) for seed in range(1, count + 1)]
    rows = np.stack(streams) if streams else np.zeros((0, sum(lengths)), np.int8)
    split = np.split(rows, np.cumsum(lengths)[:-1], axis=1)
    return pack(ports, [_elements(port, values) for port, values in zip(ports, split, strict=True)])


def sample_inputs(interface: Interface, samples: Sequence[np.ndarray]) -> np.ndarray:
    """Real data as vectors: quantized for an integer input, as it is for a float one.

    Args:
        samples: for each input, real values ``(count, …)``.

    Returns:
        array ``(count, bytes of all inputs)`` of uint8.
    """
    ports = interface.inputs
    return pack(ports, [quantize(port, values) for port, values in zip(ports, samples, strict=True)])


def quantize(port: Port, values: np.ndarray) -> np.ndarray:
    """Real ``values`` in the type of ``port``: divided by the scale, rounded half to even, clamped.

    The division is in float32, as in TFLite's own examples, so that host and device see the same integers.
    """
    dtype = np.dtype(port.dtype)
    flat = np.asarray(values, np.float32).reshape(len(values), -1)
    if dtype.kind == "f":
        return flat.astype(dtype)
    limits = np.iinfo(dtype)
    scaled: np.ndarray = np.round(flat / np.float32(port.scale)) + port.zero_point
    clamped: np.ndarray = np.clip(scaled, limits.min, limits.max).astype(dtype)
    return clamped


def dequantize(port: Port, values: np.ndarray) -> np.ndarray:
    """What ``values`` of ``port`` mean, float32: ``scale * (value - zero_point)``."""
    if np.dtype(port.dtype).kind == "f":
        return values.astype(np.float32)
    return (np.float32(port.scale) * (values.astype(np.int32) - port.zero_point)).astype(np.float32)


def _elements(port: Port, values: np.ndarray) -> np.ndarray:
    if np.dtype(port.dtype).kind == "f":
        return np.float32(port.scale) * (values.astype(np.float32) - np.float32(port.zero_point))
    return values
