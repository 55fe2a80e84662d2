"""Convolutions on Helium that multiply groups of windows (``templates/kernels/mve/windows.j2``): struct and cost."""

from __future__ import annotations

from edgebuild.kernels._mve_convolution import Convolution
from edgebuild.kernels._mve_output import Form
from edgebuild.kernels._mve_windows import Windows
from edgebuild.ops._window import Window


def scalars(layer: Convolution, windows: Windows, form: Form) -> dict[str, int]:
    """Fields of the struct."""
    window = windows.window
    found = {
        "pixels": layer.pixels,
        "channels": layer.filters,
        **layer.output.scalars(form),
        "slot": windows.slot,
        "group": windows.group,
    }
    if not windows.direct or windows.staged:
        found |= {"copied": windows.copied, "staged": windows.staged}
    if not windows.direct:
        reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
        found |= window.scalars() | {
            "dilation_height": window.dilation[0],
            "dilation_width": window.dilation[1],
            "input_channels": layer.channels,
            "input_zero_point": layer.input_zero_point,
            "reach": window.kernel[0] * window.dilation[0],
            "last_top": window.input[0] - reach[0],
            "last_left": window.input[1] - reach[1],
            "twos": _twos(windows),
            "inside": _inside(window)[1][0],
            "inside_end": _inside(window)[1][1] if _twos(windows) else 0,
        }
        del found["output_height"]
    return found


def requantization(form: Form) -> int:
    """Instructions that make outputs of the sums of two channels and four pixels."""
    return 15 + (0, 4, 12)[form.rounding] - 2 * form.wide


def quad(form: Form, products: float = 0) -> float:
    """Instructions that end four channels of four pixels, whose sums take ``products`` more than usual."""
    return 2 * (requantization(form) + products + 2) + (4, 3, 9)[form.clamp] + 6


def around(layer: Convolution, windows: Windows) -> float:
    """Instructions besides tiles."""
    window = windows.window
    runs = 1 if window.dilation[1] == 1 else window.kernel[1]
    row = 16 + 3 * -(-window.kernel[1] // runs * layer.channels // 16)
    clipped = 70 + runs * (15 + window.kernel[0] * row)
    whole = 14 + window.kernel[0] * (9 + 5 * _twos(windows)) if _twos(windows) else clipped
    (top, bottom), (left, right) = _inside(window)
    inside = (bottom - top) * (right - left)
    copy = 0 if windows.direct else inside * whole + (layer.pixels - inside) * clipped
    stage = layer.pixels * (14 + 3 * -(-layer.filters // 16)) if windows.staged else 0
    return 80 + copy + stage + -(-layer.pixels // windows.group) * 70


def _twos(windows: Windows) -> int:
    """Twos of vectors in a kernel row, if it is a number of them in one piece, else 0."""
    length = windows.window.kernel[1] * windows.channels
    return 0 if length % 32 or windows.window.dilation[1] > 1 else length // 32


def _inside(window: Window) -> list[tuple[int, int]]:
    """First and end row, and first and end column, of the windows that lie inside the image."""
    spans = []
    axes = (window.input, window.kernel, window.stride, window.dilation, window.before, window.output)
    for size, kernel, stride, dilation, before, output in zip(*axes, strict=True):
        first, last = -(-before // stride), (size - (kernel - 1) * dilation - 1 + before) // stride
        spans.append((first, max(min(last + 1, output), first)))
    return spans
