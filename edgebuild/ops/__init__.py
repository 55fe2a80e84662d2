"""TFLite operators, one file each.  The file is everything edgebuild knows about its operator.

:class:`Operator` is the contract.  ``evaluate`` defines what is correct, bit by bit; every kernel must
equal it.  A new operator is one file here and one template under ``templates/kernels/<name>/``.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from edgebuild import registry
from edgebuild.errors import UnsupportedError
from edgebuild.ir.graph import Graph, Node
from edgebuild.ir.types import DType
from edgebuild.target.profile import OperatorLimits

Rule = Callable[[Node, Graph], bool]
"""Whether a node can be run.  The docstring's first line is the refusal, the rest the remedy."""


@dataclass(frozen=True)
class TensorType:
    """Shape and element type of an output, as an operator infers it."""

    shape: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True)
class Cost:
    """What one execution takes.

    Attributes:
        macs: multiply-accumulates (0 for operators that have none).
        elements: outputs written.
        reads: places of the input that are looked up one by one: taps of a window, operands.
    """

    macs: int = 0
    elements: int = 0
    reads: int = 0


@dataclass(frozen=True)
class Rows:
    """Which rows of an operand an output row reads: the fact from which overlap and streaming follow.

    Output row ``r`` reads operand rows ``r * stride - before`` up to ``reach`` rows further.
    Kernels promise to finish output rows in order, and nothing finer, unless ``in_place``: then each
    element is read before the element at the same position is written.

    Attributes:
        input_row, output_row: bytes of one row of the operand and of the output.
    """

    stride: int
    before: int
    reach: int
    input_row: int
    output_row: int
    in_place: bool = False


@dataclass(frozen=True, eq=False)
class Call:
    """All that a kernel's template and its call may see.

    Attributes:
        scalars: fields of the layer's constant struct, by name, int or float.
        arrays: constant arrays that the struct points to, by name; packed as the kernel wants them.
        operands: tensor indices passed as pointers, in order; constants among them live in flash.
        shape: what the template is specialised for (a loop's length, the presence of a clamp); layers
            with equal values share one C function, whose name says them.
    """

    operands: tuple[int, ...]
    scalars: Mapping[str, int | float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    shape: Mapping[str, int] = field(default_factory=dict)


class Kernel(ABC):
    """One implementation of an operator in C.

    Attributes:
        template: path under ``templates/kernels``; the C function is named after it.
        features: CPU features it needs.
        gather: operands come as one array of pointers, for operators with any number of them.
        includes: system headers that its code needs beyond ``<stdint.h>``.
        code: bytes of its code, about, as measured with the targets' flags.
    """

    template: str
    code: int
    features: frozenset[str] = frozenset()
    gather: bool = False
    includes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``portable``, or what the template's file is called."""
        return self.template.rpartition("/")[2].removesuffix(".c.j2")

    @abstractmethod
    def context(self, node: Node, graph: Graph) -> Call:
        """All that the template and the call may see; all arithmetic happens here, none in the template."""

    def exact(self, node: Node, graph: Graph) -> bool:
        """Whether it computes every byte right on these very weights, scales and shapes: decided at build time."""
        return True

    def scratch(self, node: Node, graph: Graph) -> int:
        """Bytes of scratch memory it needs, passed as the last pointer (``void *scratch``) when not 0."""
        return 0

    def instructions(self, node: Node, graph: Graph) -> float:
        """Executed instructions of one inference as a model predicts them: what kernels are chosen by."""
        cost = find(node.op).cost(node, graph)
        return 8.0 * cost.macs + 14.0 * cost.reads + 70.0 * cost.elements


@dataclass(frozen=True)
class Portable(Kernel):
    """The kernel in plain C11 that every target can run.

    Attributes:
        work: executed instructions, where they do not follow from the operator's cost.
        code: bytes of its code, about.
    """

    make: Callable[[Node, Graph], Call]
    template: str
    gather: bool = False
    includes: tuple[str, ...] = ()
    exact_when: Callable[[Node, Graph], bool] | None = None
    work: Callable[[Node, Graph], float] | None = None
    code: int = 400

    def context(self, node: Node, graph: Graph) -> Call:  # noqa: D102 - see the contract
        return self.make(node, graph)

    def exact(self, node: Node, graph: Graph) -> bool:  # noqa: D102 - see the contract
        return self.exact_when is None or self.exact_when(node, graph)

    def instructions(self, node: Node, graph: Graph) -> float:  # noqa: D102 - see the contract
        return self.work(node, graph) if self.work else super().instructions(node, graph)


@dataclass(frozen=True, eq=False)
class Case:
    """A one-node graph that tests, documentation and benchmarks share.  Its node's name says what is special."""

    name: str
    graph: Graph


class Operator(ABC):
    """Contract of every file in this folder.

    Attributes:
        tflite: the operator's name in TFLite's schema.
        versions: operator versions whose meaning this file knows.
        rules: what a node must satisfy to be run by generated C.
        kernels: its portable implementations, one of which is always exact; empty for operators
            that only exist at build time.  Faster ones for certain CPUs lie in ``edgebuild.kernels``.
        alias: the output is the input's bytes under another shape: no code at all.
    """

    tflite: ClassVar[str]
    versions: ClassVar[range]
    rules: ClassVar[tuple[Rule, ...]] = ()
    alias: ClassVar[bool] = False

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Portable implementations, best first."""
        return ()

    @abstractmethod
    def output(self, node: Node, graph: Graph) -> tuple[TensorType, ...]:
        """Shape and type of each output."""

    @abstractmethod
    def evaluate(self, node: Node, graph: Graph, inputs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
        """The outputs, bit-exact with TFLite's reference kernel.

        Args:
            inputs: one array per input of the node, None for one left out.
        """

    def cost(self, node: Node, graph: Graph) -> Cost:
        """What one execution takes."""
        return Cost(elements=graph.output(node).elements)

    def rows(self, node: Node, graph: Graph, operand: int) -> Rows | None:
        """Which rows of tensor ``operand`` an output row reads; None when the output must not overlap it."""
        return None

    @abstractmethod
    def cases(self) -> Iterator[Case]:
        """Small models of this operator alone, the odd ones first."""


def names() -> tuple[str, ...]:
    """Public names of all operators."""
    return registry.names(__name__)


@functools.cache
def find(name: str) -> Operator:
    """The operator called ``name``.

    Raises:
        KeyError: there is none.
    """
    return registry.find(__name__, name, Operator)()  # type: ignore[type-abstract]


def known(name: str) -> bool:
    """Whether there is an operator called ``name``."""
    return name in names()


@functools.cache
def by_tflite() -> Mapping[str, str]:
    """Public name of each operator by its TFLite name."""
    return {find(name).tflite: name for name in names()}


def tflite_name(node: Node) -> str:
    """The node's operator as TFLite names it."""
    return find(node.op).tflite if known(node.op) else node.op.upper()


def refusal(rule: Rule) -> tuple[str, str]:
    """Refusal and remedy of ``rule``, from its docstring."""
    first, _, rest = (rule.__doc__ or "").partition("\n")
    return first.strip().rstrip("."), " ".join(rest.split()).rstrip(".")


def check(graph: Graph, limits: OperatorLimits, target: str) -> None:
    """Insist that generated C can run every node of ``graph`` on ``target``.

    Raises:
        UnsupportedError: with one line per node and broken rule, all of them.
    """
    lines = [
        f"{tflite_name(node)} {node.name!r}: {problem}"
        for node in graph.nodes
        for problem in problems(node, graph, limits, target)
    ]
    if lines:
        count = f"{len(lines)} operator{'s' if len(lines) > 1 else ''}"
        raise UnsupportedError(
            graph.name,
            f"{target} cannot run {count} of this model as {'they are' if len(lines) > 1 else 'it is'}",
            "change the layers named above; edgebuild ops lists what is supported",
            tuple(lines),
        )


def problems(node: Node, graph: Graph, limits: OperatorLimits, target: str) -> Iterator[str]:
    """Why ``node`` cannot be run, one sentence each; nothing when it can."""
    name = tflite_name(node)
    if not known(node.op):
        yield "there is no operator for it in edgebuild yet"
        return
    if name in limits.refused or (limits.allowed is not None and name not in limits.allowed):
        yield f"the profile of {target} does not allow it"
    op = find(node.op)
    if node.version not in op.versions:
        yield f"version {node.version} is newer than {op.versions.stop - 1}, the highest that is known"
    if node.version > limits.versions.get(name, node.version):
        yield f"version {node.version} is newer than {limits.versions[name]}, the highest that {target}'s runtime has"
    for rule in op.rules:
        if not rule(node, graph):
            text, remedy = refusal(rule)
            yield f"{text} ({remedy})" if remedy else text
            return
    if not op.kernels and not op.alias:
        yield "it only exists at build time, and here its inputs are not constant"
