"""Small architectures that students are made of, one file each.

An architecture describes its network once, as data (:class:`Net`).  The worker builds the tf_keras model from it,
and the device half builds the int8 graph that TensorFlow's converter would make of that model, without TensorFlow:
so the flash, RAM and instructions of a student that nobody has trained yet come from the real planner and kernels.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from edgebuild import registry
from edgebuild.errors import UsageError
from edgebuild.models._net import Layer, Net, Shape, channels

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph


class Architecture(ABC):
    """A family of networks that differ in width.

    Attributes:
        title: what it is, in a line.
        reconstructs: its output has the input's shape; else it tells classes apart.
    """

    title: ClassVar[str]
    reconstructs: ClassVar[bool] = False

    @abstractmethod
    def problem(self, shape: Shape, outputs: Shape) -> str:
        """Why it cannot be built for inputs of ``shape`` and ``outputs`` (without batch); empty when it can."""

    @abstractmethod
    def describe(self, shape: Shape, outputs: Shape, width: float) -> Net:
        """The network.

        Args:
            shape: of an input, without batch: ``(height, width, channels)`` or ``(features,)``.
            outputs: of an output, without batch.
            width: factor for the number of channels in every layer but the last.
        """


def names() -> tuple[str, ...]:
    """Public names of the architectures."""
    return registry.names(__name__)


def find(name: str) -> Architecture:
    """The architecture ``name``.

    Raises:
        UsageError: there is none.
    """
    try:
        return registry.find(__name__, name, Architecture)()  # type: ignore[type-abstract]
    except KeyError:
        near = difflib.get_close_matches(name, names(), 1)
        raise UsageError(
            f"student {name!r}",
            "there is no such architecture",
            f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names())}, or a model file",
        ) from None


def describe(name: str, shape: Shape, outputs: Shape, width: float) -> Net:
    """The network of architecture ``name``.

    Raises:
        UsageError: there is no such architecture, or it does not go with these shapes.
    """
    architecture = find(name)
    problem = architecture.problem(shape, outputs)
    if problem:
        raise UsageError(f"student {name!r}", problem, "choose another student: edgebuild suggest lists those that fit")
    return architecture.describe(shape, outputs, width)


def keras_model(net: Net, *, softmax: bool) -> Any:
    """``net`` as a freshly initialised tf_keras model; imports TensorFlow.

    Args:
        softmax: whether it ends in one.
    """
    from edgebuild.models import _keras

    return _keras.build(net, softmax=softmax)


def graph(net: Net, *, softmax: bool) -> Graph:
    """``net`` as the int8 graph that TensorFlow's converter makes of :func:`keras_model`, with random weights."""
    from edgebuild.models import _graph

    return _graph.build(net, softmax=softmax)


__all__ = ["Architecture", "Layer", "Net", "Shape", "channels", "describe", "find", "graph", "keras_model", "names"]
