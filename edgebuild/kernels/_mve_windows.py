"""How the windows of a convolution are laid side by side, so that it becomes a matrix product of 4-pixel tiles."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.kernels._mve_convolution import SHORT, TILE, Convolution
from edgebuild.ops._window import Window

GROUP_BYTES = (512, 1024)
"""Bytes of windows that are copied before they are multiplied: a 16th of the output between these limits."""

UNROLLED = 12
"""Vectors of one window up to which copying it can be unrolled."""


@dataclass(frozen=True)
class Windows:
    """The windows of a convolution.

    Attributes:
        window: with height and width exchanged where everything is one column wide, so that rows are long.
        direct: pixels of the input are the windows; nothing is copied.
        slot: bytes from one window to the next; whole vectors where they are copied.
        group: windows that are multiplied at once.
        staged: bytes of a pixel on the way to an output whose pixels are no whole words, or 0.
        unrolled: whether copying windows inside the image can be unrolled.
    """

    window: Window
    channels: int
    direct: bool
    slot: int
    group: int
    staged: int
    unrolled: bool

    @classmethod
    def of(cls, c: Convolution, own_loop: bool = True) -> Windows:
        """The windows of ``c``.

        Args:
            own_loop: whether its depth has a loop of its own, which may be no multiple of 16.
        """
        w = c.window
        if w.input[1] == w.kernel[1] == w.output[1] == 1:
            w = Window(*((pair[1], pair[0]) for pair in (w.input, w.kernel, w.stride, w.dilation, w.before, w.output)))
        # The original window decides: a tile may be written early into the next row if rows have at least 4 pixels.
        early = c.window.output[1] >= TILE
        words = c.filters % 4 == 0
        pointwise = (w.kernel, w.stride, w.before, w.input) == ((1, 1), (1, 1), (0, 0), w.output)
        whole = c.channels % 16 == 0 or (own_loop and 8 <= c.channels <= SHORT and c.channels % 4 == 0)
        direct = pointwise and whole and early
        staged = 0 if words and (early or c.pixels % TILE == 0) else -(-c.filters // 4) * 4
        if direct:
            group = 4 * TILE if staged else -(-c.pixels // TILE) * TILE
            return cls(w, c.channels, True, c.channels, group, staged, False)
        slot = -(-w.kernel[0] * w.kernel[1] * c.channels // 16) * 16
        unrolled = w.dilation[1] == 1 and w.kernel[0] * -(-w.kernel[1] * c.channels // 16) <= UNROLLED
        room = min(max(c.pixels * c.filters // 16, GROUP_BYTES[0]), GROUP_BYTES[1])
        group = min(max(TILE, room // slot // TILE * TILE), 8 * TILE)
        return cls(w, c.channels, False, slot, group, staged, unrolled)

    @property
    def vectors(self) -> int:
        """Vectors of a kernel row."""
        return -(-self.window.kernel[1] * self.channels // 16)

    @property
    def copy(self) -> tuple[int, int, int]:
        """What unrolled copying is specialised for: kernel rows, bytes of one, and bytes from window to window."""
        if not self.unrolled:
            return 0, 0, 0
        return self.window.kernel[0], self.window.kernel[1] * self.channels, self.window.stride[1] * self.channels

    @property
    def copied(self) -> int:
        """Bytes of a group of windows, and what the last vector may write beyond it."""
        return 0 if self.direct else self.group * self.slot + 16

    @property
    def scratch(self) -> int:
        """Bytes of scratch memory: windows, then staged pixels."""
        return self.copied + self.group * self.staged

    def inside(self) -> tuple[int, int, int, int, int]:
        """Output rows and columns whose windows can be copied as whole vectors.

        Returns:
            First and end row, first and end column, and the end column in the last of these rows, whose vectors might
            read beyond the input.
        """
        if not self.unrolled:
            return 0, 0, 0, 0, 0
        w = self.window
        first, end = [], []
        axes = (w.input, w.kernel, w.stride, w.dilation, w.before, w.output)
        for size, k, s, d, before, output in zip(*axes, strict=True):
            first.append(-(-before // s))
            end.append(max(min(output, (size - (k - 1) * d - 1 + before) // s + 1), 0))
        ends = [self._safe_end(y, end[1]) for y in range(end[0])]
        last = end[0]
        while last > 1 and ends[last - 2] < end[1]:
            last -= 1
        return first[0], last, first[1], end[1], ends[last - 1] if last else 0

    def _safe_end(self, y: int, end: int) -> int:
        """Columns of output row ``y`` whose vectors stay inside the input."""
        w = self.window
        row = y * w.stride[0] - w.before[0] + (w.kernel[0] - 1) * w.dilation[0]
        room = ((w.input[0] - row) * w.input[1] + w.before[1]) * self.channels - 16 * self.vectors
        return min(end, room // (w.stride[1] * self.channels) + 1) if room >= 0 else 0

    def instructions(self, unrolled: bool) -> float:
        """Executed instructions of copying all windows."""
        if self.direct:
            return 0
        w = self.window
        top, bottom, left, right, last = self.inside() if unrolled else (0, 0, 0, 0, 0)
        rows, columns = max(bottom - top, 0), max(right - left, 0)
        fast = max(rows * columns - (columns - max(last - left, 0)), 0) if rows else 0
        slow = w.output[0] * w.output[1] - fast
        runs = 1 if w.dilation[1] == 1 else w.kernel[1]
        each = 40 + runs * (15 + w.kernel[0] * (9 + 3 * -(-w.kernel[1] // runs * self.channels // 16)))
        return fast * (2 * w.kernel[0] * self.vectors + 5) + rows * 35 + slow * each
