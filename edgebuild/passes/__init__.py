"""Graph to graph, one file a pass.  Each keeps every output byte the same; the pipeline orders them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgebuild import registry
from edgebuild.ir.graph import Graph


class Pass(ABC):
    """Contract of every file in this folder; the class's docstring says what it buys."""

    @abstractmethod
    def run(self, graph: Graph) -> Graph:
        """The rewritten graph, or ``graph`` itself when there is nothing to do."""


def names() -> tuple[str, ...]:
    """Public names of all passes."""
    return registry.names(__name__)


def find(name: str) -> Pass:
    """The pass called ``name``."""
    return registry.find(__name__, name, Pass)()  # type: ignore[type-abstract]
