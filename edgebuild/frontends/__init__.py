"""From a model file of the device half to a :class:`~edgebuild.ir.graph.Graph`, one file a format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from edgebuild import registry
from edgebuild.ir.graph import Graph


class Frontend(ABC):
    """Contract of every file in this folder.

    Attributes:
        suffix: of the format's files.
    """

    suffix: ClassVar[str]

    @abstractmethod
    def read(self, content: bytes, name: str, place: str) -> Graph:
        """The graph of a model file.

        Args:
            content: the file.
            name: C identifier for the model.
            place: the file as the user named it, for errors.

        Raises:
            UsageError: it is not such a model, is damaged, or has what no device can run.
        """


def names() -> tuple[str, ...]:
    """Public names of all front ends."""
    return registry.names(__name__)


def find(name: str) -> Frontend:
    """The front end called ``name``."""
    return registry.find(__name__, name, Frontend)()  # type: ignore[type-abstract]


from edgebuild.frontends._border import move, trimmed  # noqa: E402

__all__ = ["Frontend", "find", "move", "names", "trimmed"]
