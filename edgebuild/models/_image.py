"""What the architectures that tell images apart have in common."""

from __future__ import annotations

from edgebuild.models import Architecture
from edgebuild.models._net import LEAST_EXTENT, Net, Shape


class Classifier(Architecture):
    """Image, or picture of a sound, to classes."""

    def problem(self, shape: Shape, outputs: Shape) -> str:
        if len(shape) != 3:
            return f"takes images (height, width, channels), and the model's input has the shape {shape}"
        if min(shape[:2]) < LEAST_EXTENT:
            return (
                f"takes images of {LEAST_EXTENT} x {LEAST_EXTENT} at least, and the model's are {shape[0]} x {shape[1]}"
            )
        if len(outputs) != 1:
            return f"tells classes apart, and the model's output has the shape {outputs}"
        return ""


def ending(net: Net, after: str, outputs: Shape) -> Net:
    """Average over the image, then a score for each class."""
    net.dense(net.mean(after, name="pool"), outputs[0], name="classifier")
    return net
