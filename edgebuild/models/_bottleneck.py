"""Inverted residual blocks: expand, filter each channel, project."""

from __future__ import annotations

from edgebuild.models._net import Net


def bottleneck(net: Net, after: str, filters: int, *, expand: int, stride: int, kernel: int, name: str) -> str:
    """The block; with the same shape on both sides its input is added to its output."""
    inside = net.of(after)[-1] * expand
    x = after
    if expand != 1:
        x = net.convolution(x, inside, name=f"{name}_expand", activation="relu6")
    x = net.depthwise(x, kernel, name=f"{name}_depthwise", stride=stride, activation="relu6")
    if net.of(after) != (*net.of(x)[:2], filters):
        return net.convolution(x, filters, name=name, activation="linear")
    x = net.convolution(x, filters, name=f"{name}_project", activation="linear")
    return net.add(after, x, name=name)
