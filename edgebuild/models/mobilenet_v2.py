"""MobileNetV2: inverted residual blocks."""

from __future__ import annotations

from edgebuild.models._bottleneck import bottleneck
from edgebuild.models._image import Classifier, ending
from edgebuild.models._net import Net, Shape, channels

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of the first block."""


class MobilenetV2(Classifier):
    """Sandler et al., 2018."""

    title = "inverted residual blocks"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net, block = Net("mobilenet_v2", shape), 0
        x = net.convolution("", channels(32, width), 3, name="stem", stride=net.halving(""), activation="relu6")
        for expand, filters, count, stride in STAGES:
            for number in range(count):
                block += 1
                step = net.halving(x) if stride == 2 and number == 0 else 1
                x = bottleneck(
                    net, x, channels(filters, width), expand=expand, stride=step, kernel=3, name=f"block{block}"
                )
        x = net.convolution(x, channels(1280, width), name="head", activation="relu6")
        return ending(net, x, outputs)
