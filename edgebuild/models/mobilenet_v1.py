"""MobileNetV1: separable blocks that double in width whenever the image is halved."""

from __future__ import annotations

from edgebuild.models._image import Classifier, ending
from edgebuild.models._net import Net, Shape, channels

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


class MobilenetV1(Classifier):
    """Howard et al., 2017; MLPerf Tiny's visual wake words is width 0.25."""

    title = "separable blocks that double in width as the image is halved"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net = Net("mobilenet_v1", shape)
        x = net.convolution("", channels(32, width), 3, name="stem", stride=net.halving(""))
        for block, (filters, stride) in enumerate(BLOCKS, 1):
            x = net.depthwise(x, name=f"block{block}_depthwise", stride=net.halving(x) if stride == 2 else 1)
            x = net.convolution(x, channels(filters, width), name=f"block{block}")
        return ending(net, x, outputs)
