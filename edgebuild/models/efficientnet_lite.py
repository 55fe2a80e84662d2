"""EfficientNet-Lite style: inverted residual blocks with windows of 3 and 5, without squeeze and excitation."""

from __future__ import annotations

from edgebuild.models._bottleneck import bottleneck
from edgebuild.models._image import Classifier, ending
from edgebuild.models._net import Net, Shape, channels

STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 1, 2, 3),
    (6, 40, 1, 2, 5),
    (6, 80, 2, 2, 3),
    (6, 112, 2, 1, 5),
    (6, 192, 2, 2, 5),
)
"""Expansion, channels, blocks, stride of the first block and window: Lite0 with fewer blocks, for small images."""


class EfficientnetLite(Classifier):
    """Tan and Le, 2019; the Lite variants are what quantizes well."""

    title = "inverted residual blocks with windows of 3 and 5"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net, block = Net("efficientnet_lite", shape), 0
        x = net.convolution("", channels(32, width), 3, name="stem", stride=net.halving(""), activation="relu6")
        for expand, filters, count, stride, kernel in STAGES:
            for number in range(count):
                block += 1
                step = net.halving(x) if stride == 2 and number == 0 else 1
                x = bottleneck(
                    net, x, channels(filters, width), expand=expand, stride=step, kernel=kernel, name=f"block{block}"
                )
        x = net.convolution(x, channels(640, width), name="head", activation="relu6")
        return ending(net, x, outputs)
