"""How the windows of a convolution are laid side by side, so that it becomes a matrix product of 4-pixel tiles."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.kernels._mve_convolution import SHORT, TILE, Convolution
from edgebuild.ops._window import Window

GROUP_BYTES = (512, 1024)
"""Bytes of windows that are copied before they are multiplied: a 16th of the output between these limits."""

UNROLLED = 12
"""Vectors of one window up to which copying it can be unrolled."""


def turned(w: Window) -> Window:
    """Height and width exchanged: a column of pixels is a row of them."""
    return Window(*((pair[1], pair[0]) for pair in (w.input, w.kernel, w.stride, w.dilation, w.before, w.output)))


@dataclass(frozen=True)
class Windows:
    """The windows of a convolution.

    Attributes:
        window: with height and width exchanged where everything is one column wide, so that rows are long.
        direct: pixels of the input are the windows; nothing is copied.
        slot: bytes from one window to the next; whole vectors where they are copied, unless the loop takes less.
        group: windows that are multiplied at once.
        staged: bytes of a pixel on the way to an output whose pixels are no whole words, or 0.
        unrolled: whether windows can be copied by unrolled code, from padded rows of the input.
    """

    window: Window
    channels: int
    direct: bool
    slot: int
    group: int
    staged: int
    unrolled: bool

    @classmethod
    def of(cls, c: Convolution, own_loop: bool = True, multiple: int = 16) -> Windows:
        """The windows of ``c``.

        Args:
            own_loop: whether its depth has a loop of its own, which may be no multiple of 16.
            multiple: of what the depth has to be elsewhere.
        """
        w = c.window
        if w.input[1] == w.kernel[1] == w.output[1] == 1:
            w = turned(w)
        # The original window decides: a tile may be written early into the next row if rows have at least 4 pixels.
        early = c.window.output[1] >= TILE
        words = c.filters % 4 == 0
        pointwise = (w.kernel, w.stride, w.before, w.input) == ((1, 1), (1, 1), (0, 0), w.output)
        whole = c.channels % multiple == 0 or (own_loop and 8 <= c.channels <= SHORT and c.channels % 4 == 0)
        direct = pointwise and whole and early
        staged = 0 if words and (early or c.pixels % TILE == 0) else -(-c.filters // 4) * 4
        if direct:
            group = 4 * TILE if staged else -(-c.pixels // TILE) * TILE
            return cls(w, c.channels, True, c.channels, group, staged, False)
        slot = -(-w.kernel[0] * w.kernel[1] * c.channels // multiple) * multiple
        vectors = w.kernel[0] * -(-w.kernel[1] * c.channels // 16)
        band = w.kernel[0] * _padded_columns(w) * c.channels
        small = max((w.input[0] * w.input[1] * c.channels + c.pixels * c.filters) // 16, GROUP_BYTES[1])
        unrolled = w.dilation[1] == 1 and vectors <= UNROLLED and band <= small
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

    @property
    def band(self) -> int:
        """Bytes of a padded row of the input, from which windows are copied unrolled; 0 where they are not."""
        return _padded_columns(self.window) * self.channels if self.unrolled else 0

    @property
    def bands(self) -> int:
        """Bytes of the padded rows of an output row, and what the last vector may read beyond them."""
        return -(-(self.window.kernel[0] * self.band + 16) // 16) * 16 if self.unrolled else 0

    @property
    def band_columns(self) -> int:
        """Columns of the input that a padded row holds."""
        return min(self.window.input[1], _padded_columns(self.window) - self.window.before[1])

    def instructions(self, unrolled: bool) -> float:
        """Executed instructions of copying all windows."""
        if self.direct:
            return 0
        w = self.window
        height, width = w.output
        if unrolled:
            rows = w.kernel[0]
            band = rows * (15 + 3 * -(-self.band_columns * self.channels // 16)) + 65
            # pointers to more rows than there are registers live in memory
            each = (2 if rows < 6 else 5) * rows * self.vectors + 6
            return height * band + 45 * -(-height * width // self.group) + height * width * each
        runs = 1 if w.dilation[1] == 1 else w.kernel[1]
        row = 13 + 3 * -(-w.kernel[1] // runs * self.channels // 16)
        return height * width * (60 + runs * (20 + w.kernel[0] * row))


def _padded_columns(w: Window) -> int:
    """Columns from the first window's first one to the last window's last one."""
    return (w.output[1] - 1) * w.stride[1] + w.kernel[1]
