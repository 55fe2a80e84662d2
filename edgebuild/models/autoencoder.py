"""A dense autoencoder, as MLPerf Tiny uses it to find unusual sounds."""

from __future__ import annotations

import math

from edgebuild.models import Architecture
from edgebuild.models._net import Net, Shape, channels


class Autoencoder(Architecture):
    """Koizumi et al., ToyADMOS, 2019: four layers of 128 on each side of a code of 8."""

    title = "dense layers down to a code of 8 and back"
    reconstructs = True

    def problem(self, shape: Shape, outputs: Shape) -> str:
        if outputs == shape:
            return ""
        return f"gives back what it is given, and the model's output has the shape {outputs}, its input {shape}"

    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        net, units, x = Net("autoencoder", shape), channels(128, width), ""
        if len(shape) > 1:
            x = net.flatten(x, name="flat")
        for number in range(1, 5):
            x = net.dense(x, units, name=f"encoder{number}", activation="relu", normalized=True)
        x = net.dense(x, channels(8, width), name="code", activation="relu", normalized=True)
        for number in range(1, 5):
            x = net.dense(x, units, name=f"decoder{number}", activation="relu", normalized=True)
        x = net.dense(x, math.prod(outputs), name="output")
        if len(outputs) > 1:
            net.reshape(x, outputs, name="image")
        return net
