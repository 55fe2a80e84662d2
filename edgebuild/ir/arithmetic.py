"""The integer arithmetic of TFLite's reference kernels, in numpy.

Source of every formula: TensorFlow Lite's reference kernels (``tensorflow/lite/kernels/internal``,
double rounding, which is what TFLM and LiteRT's BUILTIN_REF are built with).  Arrays are int64 and
hold int32 values, so that no intermediate overflows unnoticed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from edgebuild.ir.types import Quantization

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

Padding = Literal["SAME", "VALID"]


def round_half_away(value: float) -> int:
    """C's ``round``: halves go away from zero."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """``(multiplier, shift)`` with ``real ~ multiplier * 2**(shift - 31)`` and multiplier in [2^30, 2^31).

    TFLite's ``QuantizeMultiplier``: values below 2^-32 are flushed to zero.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * 2**31)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def doubling_high_multiply(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """gemmlowp's ``SaturatingRoundingDoublingHighMul``: ``round(a * b / 2^31)``, half away from zero."""
    a, b = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # C's division truncates towards zero; numpy's shift floors.
    result = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.where((a == INT32_MIN) & (b == INT32_MIN), INT32_MAX, result)


def rounding_divide_by_power_of_two(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """gemmlowp's ``RoundingDivideByPOT``: ``round(x / 2^exponent)``, half away from zero."""
    x = np.asarray(x, np.int64)
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + ((x & mask) > threshold))


def wrap_int32(x: np.ndarray) -> np.ndarray:
    """Two's complement wrap-around to int32, as the reference kernels' accumulators do."""
    return ((np.asarray(x, np.int64) + 2**31) & 0xFFFFFFFF) - 2**31


def requantize(x: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """TFLite's ``MultiplyByQuantizedMultiplier`` with double rounding.

    Args:
        x: int32 accumulators.
        multiplier, shift: from :func:`quantize_multiplier`, scalars or arrays that broadcast.
    """
    shift = np.asarray(shift, np.int64)
    shifted = wrap_int32(np.asarray(x, np.int64) << np.maximum(shift, 0))
    return rounding_divide_by_power_of_two(doubling_high_multiply(shifted, multiplier), np.maximum(-shift, 0))


def channel_multipliers(
    input_scale: float, weights: Quantization, output_scale: float, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers (int32) and shifts (int8) of a convolution, one per output channel.

    TFLite's ``PopulateConvolutionQuantizationParams``: scales are float32, their product is double.
    """
    scales = weights.scales if weights.per_channel else weights.scales * channels
    pairs = [quantize_multiplier(input_scale * scale / output_scale) for scale in scales]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int8)


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Clamp limits of a fused activation on an int8 output: TFLite's ``CalculateActivationRangeQuantized``.

    Args:
        activation: ``NONE``, ``RELU``, ``RELU6`` or ``RELU_N1_TO_1``.

    Raises:
        KeyError: another activation.
    """

    def quantize(real: float) -> int:
        return zero_point + round_half_away(float(np.float32(real) / np.float32(scale)))

    low, high = {
        "NONE": (-128, 127),
        "RELU": (quantize(0.0), 127),
        "RELU6": (quantize(0.0), quantize(6.0)),
        "RELU_N1_TO_1": (quantize(-1.0), quantize(1.0)),
    }[activation]
    return max(-128, low), min(127, high)


def output_extent(padding: Padding, size: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """Rows (or columns) that a window produces: TFLite's ``ComputeOutSize``."""
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "SAME" else -(-(size - reach + 1) // stride)


def padding_before(size: int, output: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """Rows (or columns) of padding before the first one: TFLite's ``ComputePadding``."""
    reach = (kernel - 1) * dilation + 1
    return max((output - 1) * stride + reach - size, 0) // 2


def windows(
    image: np.ndarray,
    fill: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    output: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> np.ndarray:
    """Every window of ``image``, padded with ``fill``.

    Args:
        image: ``(height, width, channels)``.

    Returns:
        ``(out_height, out_width, kernel_height, kernel_width, channels)``, a view where possible.
    """
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    needed = [(o - 1) * s + r for o, s, r in zip(output, stride, reach, strict=True)]
    after = [max(n - b - size, 0) for n, b, size in zip(needed, before, image.shape[:2], strict=True)]
    padded = np.pad(image, [(before[0], after[0]), (before[1], after[1]), (0, 0)], constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, tuple(reach), axis=(0, 1))  # type: ignore[call-overload]
    view = view[:: stride[0], :: stride[1]][: output[0], : output[1]]
    return np.asarray(view[..., :: dilation[0], :: dilation[1]].transpose(0, 1, 3, 4, 2))


# ---- gemmlowp fixed point: exp, logistic and tanh ------------------------------------------------------


def exp_on_negative_values(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """gemmlowp's ``exp_on_negative_values``: Q(integer_bits) in, Q0.31 out.

    Args:
        a: raw int32 fixed-point values <= 0 with ``integer_bits`` integer bits.
    """
    a = np.asarray(a, np.int64)
    fractional = 31 - integer_bits
    quarter = np.int64(1) << (fractional - 2)
    modulo = (a & (quarter - 1)) - quarter
    # Rescaling to zero integer bits is a saturating left shift.
    small = np.clip(modulo << integer_bits, INT32_MIN, INT32_MAX)
    result = _exp_on_interval_between_negative_one_quarter_and_0(small)
    remainder = modulo - a
    for exponent, multiplier in EXP_BARREL:
        if integer_bits > exponent:
            bit = np.int64(1) << (fractional + exponent)
            result = np.where(remainder & bit, doubling_high_multiply(result, multiplier), result)
    if integer_bits > 5:
        result = np.where(a < -(np.int64(1) << (36 - integer_bits)), 0, result)
    return np.where(a == 0, INT32_MAX, result)


EXP_BARREL = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""(k, exp(-2^k) in Q0.31)"""


def _exp_on_interval_between_negative_one_quarter_and_0(a: np.ndarray) -> np.ndarray:
    constant_term, constant_one_third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubling_high_multiply(x, x)
    x3 = doubling_high_multiply(x2, x)
    x4 = doubling_high_multiply(x2, x2)
    x4_over_4 = rounding_divide_by_power_of_two(x4, 2)
    polynomial = doubling_high_multiply(x4_over_4 + x3, constant_one_third) + x2
    rest = rounding_divide_by_power_of_two(polynomial, 1)
    return constant_term + doubling_high_multiply(np.full_like(x, constant_term), x + rest)


def _two_over_one_plus(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a) for a from 0 to 1: Q0.31 in, Q2.29 out, three Newton-Raphson steps."""
    a = np.asarray(a, np.int64)
    # RoundingHalfSum(a, 1): the sum is non-negative here.
    half_denominator = (a + INT32_MAX + 1) // 2
    constant_48_17, constant_neg_32_17 = 1515870810, -1010580540
    x = constant_48_17 + doubling_high_multiply(half_denominator, constant_neg_32_17)
    for _ in range(3):
        half_denominator_times_x = doubling_high_multiply(half_denominator, x)
        one_minus = _ONE_Q2 - half_denominator_times_x
        # Q2 * Q2 is Q4; rescaling back to Q2 is a saturating shift by 2.
        step = doubling_high_multiply(x, one_minus)
        x = x + np.clip(step << 2, INT32_MIN, INT32_MAX)
    return x


_ONE_Q2 = 1 << 29


def one_over_one_plus(a: np.ndarray) -> np.ndarray:
    """gemmlowp's ``one_over_one_plus_x_for_x_in_0_1``: Q0.31 in and out."""
    return np.clip(_two_over_one_plus(a) << 1, INT32_MIN, INT32_MAX)


def logistic(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """gemmlowp's ``logistic``: Q(integer_bits) in, Q0.31 out."""
    a = np.asarray(a, np.int64)
    positive = one_over_one_plus(exp_on_negative_values(-np.abs(a), integer_bits))
    result = np.where(a > 0, positive, INT32_MAX - positive)
    return np.where(a == 0, 1 << 30, result)


def tanh(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """gemmlowp's ``tanh``: Q(integer_bits) in, Q0.31 out."""
    a = np.asarray(a, np.int64)
    # doubling is a reinterpretation with one more integer bit
    exponential = exp_on_negative_values(-np.abs(a), integer_bits + 1)
    size = np.clip((_two_over_one_plus(exponential) - _ONE_Q2) << 2, INT32_MIN, INT32_MAX)
    return np.where(a == 0, 0, np.where(a < 0, -size, size))
