"""What CONV_2D and one-channel DEPTHWISE_CONV_2D share on the DSP extension: a window over all inputs of a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgebuild.kernels._dsp_channels import Channels
from edgebuild.kernels._dsp_pairs import packed, separable, window_order
from edgebuild.ops import Call
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import Window

TILE = 3
"""Output pixels at a time."""

GATHERED = 48
"""Bytes of a window gathered at a time, unless a single row has more."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution whose filters all read the same window.

    Attributes:
        window: geometry.
        inputs: channels of the input.
        zero_points: of the input and the output.
    """

    window: Window
    inputs: int
    zero_points: tuple[int, int]
    channels: Channels
    requantization: Requantization

    @classmethod
    def of(
        cls, window: Window, weights: np.ndarray, bias: np.ndarray, zero_point: int, requantization: Requantization
    ) -> Convolution:
        """A convolution with ``weights`` ``(filters, kernel_height, kernel_width, inputs)``."""
        channels = Channels.of(weights.reshape(len(weights), -1), bias, zero_point, requantization)
        if len(weights) == 1:
            channels = channels.general()  # a single filter has no partner, which only plain C knows
        zero_points = (zero_point, requantization.zero_point)
        return cls(_flat(window), weights.shape[3], zero_points, channels, requantization)

    @property
    def exact(self) -> bool:
        """Whether the kernel computes every byte right."""
        return separable(self.channels)

    @property
    def run(self) -> int:
        """Bytes of a row of the window."""
        return self.window.kernel[1] * self.inputs

    @property
    def _rest(self) -> int:
        """Inputs of a row of the window beyond whole words, unless reading on to the next word costs less."""
        rest = self.run % 4
        filling = (4 - rest) * 1.07 * len(self.channels.bias) + 12
        return rest if filling > 16 * rest + 8 else 0

    @property
    def _row_bytes(self) -> int:
        """Bytes taken from a row of the window: all its inputs, and more if a word is filled."""
        return self.run if self._rest else -(-self.run // 4) * 4

    @property
    def _order(self) -> np.ndarray:
        return window_order(self.window.kernel[0], self.run, self._rest)

    @property
    def _pointwise(self) -> bool:
        """Whether no window ever leaves the image or a row, or reads on behind it, so that nothing is gathered."""
        return self.window.kernel == (1, 1) and self.window.output[0] == 1 and self._row_bytes == self.run

    @property
    def _rows_at_once(self) -> int:
        """Rows of a window gathered at a time at the image's border: as many as take little memory."""
        return max(1, min(self.window.kernel[0], GATHERED // self._row_bytes))

    def scratch(self) -> int:
        """Bytes for three windows in int16, and three rows of a window at the image's border."""
        gathered = 0 if self._pointwise else TILE * self._row_bytes * self._rows_at_once
        return 2 * TILE * 2 * len(self._order) + gathered

    def call(self, operand: int, width: int) -> Call:
        """The kernel's struct.

        Args:
            width: of the output, as the model has it.
        """
        window, channels, requantization = self.window, self.channels, self.requantization
        reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
        direct = window.dilation[1] == 1 or window.kernel[1] == 1
        clamp = (requantization.low, requantization.high) != (-128, 127)
        general = channels.form == "general"
        scalars = window.scalars() | {
            "dilation_height": window.dilation[0],
            "dilation_width": window.dilation[1],
            "last_top": window.input[0] - reach[0] if direct else -1,
            "last_left": window.input[1] - reach[1],
            "whole_tiles": int(width >= TILE),
            "input_channels": self.inputs,
            "output_channels": len(channels.bias),
            "row_bytes": self._row_bytes,
            "row_words": (self._row_bytes - self._rest) // 4,
            "row_rest": self._rest,
            "rows_at_once": self._rows_at_once,
            "blocks": len(self._order) // 2,
            "input_zero_point": self.zero_points[0],
            "output_zero_point": self.zero_points[1],
        }
        arrays = {"weights": packed(channels, self._order)}
        if clamp or general:
            scalars |= {"output_min": requantization.low, "output_max": requantization.high}
        if general:
            arrays |= {"multiplier": channels.multiplier.astype(np.int32), "shift": (-channels.shift).astype(np.int8)}
        shape = {"roundings": {"relu": 1, "round": 2, "general": 0}[channels.form], "clamp": int(clamp and not general)}
        return Call((operand,), scalars, arrays, shape)

    def dense_call(self, operand: int, width: int) -> Call:
        """The dense kernel's struct: one function serves one rounding and two."""
        call = self.call(operand, width)
        roundings = call.shape["roundings"]
        shape = {"general": int(roundings == 0), "clamp": call.shape["clamp"]}
        return replace(call, scalars={**call.scalars, **({"roundings": roundings} if roundings else {})}, shape=shape)

    def instructions(self, width: int) -> float:
        """Executed instructions of one inference, fitted to measurements."""
        window, blocks, filters = self.window, len(self._order) // 2, len(self.channels.bias)
        tiles, rest = divmod(window.output[0] * window.output[1], TILE)
        if rest == 2 and width >= TILE:
            tiles, rest = tiles + 1, 0
        form = self.channels.form
        tile = 17 * blocks + 3 * blocks / 8 + {"relu": 47, "round": 57, "general": 240}[form]
        single = 10 * blocks + {"relu": 27, "round": 27, "general": 100}[form]
        taken = 24 * blocks + window.kernel[0] * (10 + 16 * self._rest) + 70
        gathered = self._at_border() * window.kernel[0] * TILE * (20 + 1.3 * self._row_bytes)
        pairs = (filters + 1) // 2
        return tiles * (pairs * tile + taken + gathered) + rest * (pairs * single + taken + gathered / TILE)

    def _at_border(self) -> float:
        """Share of the tiles whose windows are gathered, about."""
        inside = 1.0
        sides = zip(
            self.window.input,
            self.window.kernel,
            self.window.stride,
            self.window.before,
            self.window.output,
            strict=True,
        )
        for extent, kernel, stride, before, output in sides:
            whole = (extent - kernel) // stride + 1 - before // stride
            inside *= max(0, min(whole, output)) / output
        tiles = max(self.window.output[1] / TILE, 1)
        across = 0.0 if self.window.output[0] == 1 else min(1.0, 1 / tiles)
        return 1 - inside * (1 - across)


def _flat(window: Window) -> Window:
    """A 1x1 window at every pixel walks through the image as through a single row."""
    if window.kernel != (1, 1) or window.stride != (1, 1):
        return window
    pixels = (1, window.input[0] * window.input[1])
    return Window(pixels, (1, 1), (1, 1), (1, 1), (0, 0), pixels)
