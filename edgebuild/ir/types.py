"""Element types and quantization parameters, as TFLite defines them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class DType(Enum):
    """Element type of a tensor; the value is numpy's name for it, except for those numpy lacks."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    BOOL = "bool"
    INT4 = "int4"
    STRING = "string"

    @property
    def numpy(self) -> np.dtype:
        """The numpy type that stores one element (int4 is unpacked to int8 when read)."""
        return np.dtype("int8" if self is DType.INT4 else "object" if self is DType.STRING else self.value)

    @property
    def bytes(self) -> int:
        """Bytes that one element occupies in memory."""
        return self.numpy.itemsize

    @property
    def c(self) -> str:
        """The C11 type of one element."""
        return {"float32": "float", "bool": "uint8_t"}.get(self.value, f"{self.value}_t")


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: ``real = scale * (integer - zero_point)``.

    Attributes:
        scales: one, or one per channel of ``axis``; exactly the float32 values of the file.
        zero_points: as many as ``scales``.
        axis: the quantized dimension, when per-channel.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return len(self.scales) > 1

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantization."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        return self.zero_points[0]
