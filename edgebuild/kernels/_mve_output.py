"""From int32 accumulators to int8 outputs on Helium: what is folded, which form is exact, and how it is packed.

VQRDMULH is gemmlowp's ``SaturatingRoundingDoublingHighMul``.  VRSHL rounds halves up where TFLite rounds
them away from zero, which differs for negative ties only: a ReLU clamps those anyway, and otherwise
VQDMLAH with 1 (which takes 1 off a negative value) mends it for every shift of at least 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebuild.ir.arithmetic import wrap_int32
from edgebuild.ops._requantization import Requantization

RELU_AT_BOTTOM = 1
"""Clamp of a ReLU with zero point -128: saturating to unsigned is the clamp."""


@dataclass(frozen=True)
class Form:
    """What the code that requantizes is specialised for.

    Attributes:
        rounding: 0: ties need no care; 1: VQDMLAH mends negative ties; 2: any shift.
        clamp: 0: int8 saturation clamps; :data:`RELU_AT_BOTTOM`; 2: narrower limits.
        wide: some bias needs more than the 24 bits that lie above its shift in one word.
    """

    rounding: int
    clamp: int
    wide: int

    @property
    def shape(self) -> dict[str, int]:
        """Template constants."""
        return {"rounding": self.rounding, "clamp": self.clamp, "wide": self.wide}


@dataclass(frozen=True, eq=False)
class Output:
    """Requantization with the input's zero point folded into the bias; one entry per output channel."""

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int

    @classmethod
    def of(
        cls, requantization: Requantization, bias: np.ndarray, weight_sums: np.ndarray, input_zero_point: int
    ) -> Output:
        """Folds ``input_zero_point``: ``sum((x - z) * w) + b = sum(x * w) + (b - z * sum(w))`` modulo 2^32."""
        folded = wrap_int32(bias.astype(np.int64) - input_zero_point * weight_sums.astype(np.int64))
        multiplier = requantization.multiplier.astype(np.int64)
        # A multiplier of 0 yields 0 under any shift: -1 suits every form.
        shift = np.where(multiplier == 0, -1, requantization.shift.astype(np.int64))
        return cls(folded, multiplier, shift, requantization.zero_point, requantization.low, requantization.high)

    @property
    def form(self) -> Form:
        """The quickest exact form."""
        return join((self,))

    def scalars(self, form: Form) -> dict[str, int]:
        """Fields of a layer struct: ``zero`` is what is added to narrowed values."""
        zero = 128 if form.clamp == RELU_AT_BOTTOM else self.zero_point
        return {"zero": zero, "output_min": self.low, "output_max": self.high}

    def words(self, channels: Sequence[int], form: Form) -> np.ndarray:
        """What requantizes ``channels``, one column a channel; for channels beyond the last one it is zero.

        The rows are shift and multiplier and bias, where the bias is wide; else bias above shift, and multiplier.
        """
        real = np.array([c if c < len(self.bias) else -1 for c in channels])
        bias, multiplier, shift = (np.where(real < 0, 0, v[real]) for v in (self.bias, self.multiplier, self.shift))
        rows = [shift, multiplier, bias] if form.wide else [bias << 8 | shift & 255, multiplier]
        return _words(np.stack(rows))

    def lanes(self, channels: np.ndarray, form: Form) -> bytes:
        """The same as vectors of four channels, in the order in which they are used.

        Args:
            channels: ``(vectors, 4)``.
        """
        bias, multiplier, shift = self.bias[channels], self.multiplier[channels], self.shift[channels]
        if form.rounding == 2:
            rows = [bias, np.maximum(shift, 0), multiplier, np.minimum(shift, 0)]
        elif form.wide:
            rows = [shift, bias, multiplier]
        else:
            rows = [bias << 8 | shift & 255, multiplier]
        return _words(np.stack(rows, axis=1)).tobytes()


def _words(values: np.ndarray) -> np.ndarray:
    """int64 values as the words in memory that hold them."""
    words: np.ndarray = (values & 0xFFFFFFFF).astype("<u4")
    return words


def join(outputs: Sequence[Output]) -> Form:
    """The quickest form that is exact for all of ``outputs``."""
    ties = any(o.low < o.zero_point for o in outputs)
    highest = max(int(o.shift.max()) for o in outputs)
    rounding = (1 if highest < 0 else 2) if ties else (0 if highest <= 0 else 2)
    clamps = {_clamp(o) for o in outputs}
    clamp = clamps.pop() if len(clamps) == 1 else 2 if 2 in clamps else 0
    wide = any(o.bias.min() < -(1 << 23) or o.bias.max() >= 1 << 23 for o in outputs)
    return Form(rounding, clamp, int(wide))


def _clamp(output: Output) -> int:
    if (output.low, output.high) != (-128, 127):
        return 2
    return RELU_AT_BOTTOM if output.zero_point == -128 else 0


def pair_stream(rows: np.ndarray, output: Output, form: Form, multiple: int = 2) -> np.ndarray:
    """The stream of the matrix kernels: per pair of channels their chunks of 16 weights in turn, then their words.

    Args:
        rows: ``(channels, depth)`` int8; where the depth is no multiple of 16, the first chunks are smaller.
        multiple: channels are padded with zeros to a multiple of it.
    """
    channels, depth = rows.shape
    tail = depth % 16
    padded = np.pad(rows, [(0, -channels % multiple), (0, 0)])
    parts = []
    for first in range(0, len(padded), 2):
        pair = padded[first : first + 2]
        chunks = pair[:, tail:].reshape(2, depth // 16, 16).transpose(1, 0, 2)
        words = output.words((first, first + 1), form)
        # shift and multiplier of both channels, then their biases where those stand apart
        parts += [pair[:, :tail].tobytes(), chunks.tobytes(), words[:2].T.tobytes(), words[2:].tobytes()]
    return np.frombuffer(b"".join(parts), np.int8)


def chunked(rows: np.ndarray) -> np.ndarray:
    """Rows padded with zeros to a multiple of 16 weights; the last chunk of a longer row ends where the row ends."""
    _, depth = rows.shape
    if depth <= 16:
        return padded_rows(rows)
    whole = depth // 16 * 16
    return np.hstack([rows[:, :whole], np.pad(rows[:, whole:], [(0, 0), (-depth % 16 if depth > whole else 0, 0)])])


def padded_rows(rows: np.ndarray, multiple: int = 16) -> np.ndarray:
    """Rows padded with zeros to a multiple of so many weights."""
    return np.pad(rows, [(0, 0), (0, -rows.shape[1] % multiple)])
