"""Depthwise separable blocks of one width, as MLPerf Tiny uses them to spot keywords."""

from __future__ import annotations

from edgebuild.models._image import Classifier, ending
from edgebuild.models._net import Net, Shape, channels


class DsCnn(Classifier):
    """Zhang et al., Hello Edge, 2017: a convolution and four separable blocks of 64 channels."""

    title = "depthwise separable blocks of one width"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net, filters = Net("ds_cnn", shape), channels(64, width)
        tall = shape[0] >= 3 * shape[1]  # time by frequency: the first window sees more of the time
        x = net.convolution("", filters, (10, 4) if tall else 3, name="stem", stride=net.halving(""))
        for block in range(1, 5):
            stride = net.halving(x) if block in (2, 4) and not tall else 1
            x = net.depthwise(x, name=f"block{block}_depthwise", stride=stride)
            x = net.convolution(x, filters, name=f"block{block}")
        return ending(net, x, outputs)
