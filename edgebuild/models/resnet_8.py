"""ResNet-8: three residual blocks of 3 x 3 convolutions, as MLPerf Tiny uses them to classify images."""

from __future__ import annotations

from edgebuild.models._image import Classifier, ending
from edgebuild.models._net import Net, Shape, channels


class Resnet8(Classifier):
    """He et al., 2016, in MLPerf Tiny's size: 16, 32 and 64 channels."""

    title = "residual blocks of 3 x 3 convolutions"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net = Net("resnet_8", shape)
        x = net.convolution("", channels(16, width), 3, name="stem")
        for block, count in enumerate((16, 32, 64), 1):
            filters = channels(count, width)
            stride = net.halving(x) if block > 1 else 1
            inner = net.convolution(x, filters, 3, name=f"block{block}_a", stride=stride)
            inner = net.convolution(inner, filters, 3, name=f"block{block}_b", activation="linear")
            if net.of(x) != net.of(inner):
                x = net.convolution(x, filters, name=f"block{block}_skip", stride=stride, activation="linear")
            x = net.add(x, inner, name=f"block{block}", activation="relu")
        return ending(net, x, outputs)
