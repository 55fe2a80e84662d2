"""Kernels for certain CPUs, one file a kernel; each equals its operator's ``evaluate`` byte for byte.

A kernel is one file here and one template under ``templates/kernels/<operator>/``.  What every CPU can
run stands in the operator's own file (``Operator.kernels``).
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal, NamedTuple

from edgebuild import ops, registry
from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import _weigh
from edgebuild.kernels._int4 import narrow
from edgebuild.kernels._parts import Part, divisible, part, sums
from edgebuild.ops import Kernel


class Variant(Kernel):
    """Contract of every file in this folder.

    Attributes:
        op: public name of the operator it implements.
        compact: whether it stores weights smaller than they are: without zeros, or with four bits each.
        bulky: whether its weights take more flash than they are, which only ``fastest`` does for speed.
        skips: outputs and inputs of the blocks of zeros that it skips; 0 and 0 where it skips none.
        at_once: so many blocks it computes together; where the outputs of a block keep others, zeros fill them up.
    """

    op: ClassVar[str]
    compact: ClassVar[bool] = False
    bulky: ClassVar[bool] = False
    skips: ClassVar[tuple[int, int]] = (0, 0)
    at_once: ClassVar[int] = 1
    code: int = 1500

    @abstractmethod
    def instructions(self, node: Node, graph: Graph) -> float:
        """Executed instructions of one inference, as a model fitted to measurements predicts them."""


def names() -> tuple[str, ...]:
    """Public names of all kernels."""
    return registry.names(__name__)


@functools.cache
def find(name: str) -> Variant:
    """The kernel called ``name``."""
    return registry.find(__name__, name, Variant)()  # type: ignore[type-abstract]


@functools.cache
def of(op: str) -> tuple[Kernel, ...]:
    """Every kernel of operator ``op``: those for certain CPUs, then the portable ones."""
    variants = [find(name) for name in names()]
    return (*(v for v in variants if v.op == op), *ops.find(op).kernels)


class Skipped(NamedTuple):
    """Blocks of zeros that a kernel skips: of so many outputs and inputs, the others computed so many at a time."""

    outputs: int = 0
    inputs: int = 0
    at_once: int = 1


def skipped(op: str, features: frozenset[str]) -> Skipped:
    """The largest blocks of zeros that a kernel of ``op`` skips on a CPU with ``features``; of 0 by 0 if none does.

    A larger block is looked up less often, and any kernel for smaller ones skips it too; of equal ones, what is
    computed together suits those kernels as well that compute them one by one.
    """
    fit = [find(name) for name in names()]
    found = [
        Skipped(*variant.skips, variant.at_once) for variant in fit if variant.op == op and variant.features <= features
    ]
    return max(found, key=lambda block: (block.outputs * block.inputs, block.at_once), default=Skipped())


def compact(kernel: Kernel | None) -> bool:
    """Whether a kernel stores weights smaller than they are."""
    return isinstance(kernel, Variant) and kernel.compact


def bulky(kernel: Kernel) -> bool:
    """Whether a kernel stores weights larger than they are."""
    return isinstance(kernel, Variant) and kernel.bulky


def candidates(
    node: Node, graph: Graph, features: frozenset[str], sparse: bool = True, large: bool = False
) -> list[Kernel]:
    """Kernels that compute ``node`` exactly on a CPU with ``features``.

    Args:
        sparse: with compact ones.
        large: with bulky ones.
    """
    fit = (kernel for kernel in of(node.op) if kernel.features <= features)
    found = (k for k in fit if (sparse or not compact(k)) and (large or not bulky(k)))
    return [k for k in found if k.exact(node, graph)]


Selection = tuple[Kernel | None, ...]
"""The kernel of each node of a graph; None for a node that needs no code."""


Optimize = Literal["fastest", "speed", "balanced", "size"]

WORTH = {"fastest": 0.001, "speed": 0.001, "balanced": 0.02}
"""The faster kernel of an operator is taken when it saves this share of all instructions at least."""

HALVING = {"thumb2": 1850, "": 2800}
"""With ``size``, bytes of code and constants that half as many instructions are worth: more on Armv6-M, the slowest."""

PORTABLE_THUMB = 1.7
"""Instructions that Armv6-M takes for one of Armv7-M's in portable kernels, about, as measured on whole models."""


def select(graph: Graph, features: frozenset[str], optimize: Optimize = "balanced", sparse: bool = True) -> Selection:
    """The best kernel for every node on a CPU with ``features``.

    Args:
        optimize: ``size`` takes a faster kernel only where it is worth its code, see :data:`HALVING`; ``balanced``
            and ``speed`` the faster one of an operator where that pays, ``speed`` almost always, and ``fastest``
            bulky ones as well. ``size`` and ``balanced`` weigh compact kernels by what they save in all layers, and
            by their own code.
        sparse: whether compact kernels may be taken at all.
    """
    portable = _chosen(graph, frozenset(), sparse=False)
    if optimize == "size":
        return _small(graph, features, portable, sparse)
    start = _paying(graph, portable, _chosen(graph, features, sparse, optimize == "fastest"), optimize)
    return _weighed(graph, features, start) if sparse and optimize == "balanced" else start


def _small(graph: Graph, features: frozenset[str], portable: Selection, sparse: bool) -> Selection:
    """``portable`` with the kernels that are worth their flash."""
    weights = {n: _weigh.weight(n, graph, kernel) for n, kernel in enumerate(portable) if kernel is not None}
    slow = "thumb2" not in features
    if slow:
        weights = {n: replace(one, instructions=one.instructions * PORTABLE_THUMB) for n, one in weights.items()}
    options = {
        n: [_weigh.weight(n, graph, k) for k in candidates(graph.nodes[n], graph, features, sparse) if k != portable[n]]
        for n in weights
    }
    found = _weigh.weighed(weights, options, HALVING["" if slow else "thumb2"])
    return tuple(found[n].kernel if n in found else None for n in range(len(graph.nodes)))


def _paying(graph: Graph, portable: Selection, fast: Selection, optimize: Optimize) -> Selection:
    """The fast kernels of the operators for which they save :data:`WORTH` of all instructions, else the portable."""
    gains: dict[str, float] = {}
    total = 0.0
    for node, quick, plain in zip(graph.nodes, fast, portable, strict=True):
        if quick is not None and plain is not None:
            total += quick.instructions(node, graph)
            saved = plain.instructions(node, graph) - quick.instructions(node, graph)
            gains[node.op] = gains.get(node.op, 0.0) + saved
    return tuple(
        quick if gains.get(node.op, 0.0) >= WORTH[optimize] * total else plain
        for node, quick, plain in zip(graph.nodes, fast, portable, strict=True)
    )


def _weighed(graph: Graph, features: frozenset[str], start: Selection) -> Selection:
    """``start`` with compact kernels where the model is better for them, and without where it is not."""
    ops_ = {find(name).op for name in names() if find(name).compact}
    numbers = [n for n, node in enumerate(graph.nodes) if node.op in ops_]
    options: dict[int, list[Kernel]] = {}
    for n in numbers:
        node, own = graph.nodes[n], start[n]
        options[n] = [k for k in candidates(node, graph, features) if compact(k) and k != own]
        if compact(own):
            options[n].append(choose(node, graph, features, sparse=False))
    if not any(options.values()):
        return start
    weights = {n: _weigh.weight(n, graph, kernel) for n in numbers if (kernel := start[n])}
    others = {n: [_weigh.weight(n, graph, k) for k in found] for n, found in options.items()}
    found = _weigh.weighed(weights, others)
    return tuple(found[n].kernel if n in found else kernel for n, kernel in enumerate(start))


def lean(graph: Graph, features: frozenset[str], sparse: bool = True) -> Selection:
    """For every node the kernel with the least scratch memory, and of those the one with the fewest instructions."""

    def chosen(node: Node) -> Kernel:
        found = candidates(node, graph, features, sparse)
        return min(found, key=lambda kernel: (kernel.scratch(node, graph), kernel.instructions(node, graph)))

    return tuple(None if ops.find(node.op).alias else chosen(node) for node in graph.nodes)


def _chosen(graph: Graph, features: frozenset[str], sparse: bool, large: bool = False) -> Selection:
    return tuple(
        None if ops.find(node.op).alias else choose(node, graph, features, sparse, large) for node in graph.nodes
    )


def choose(node: Node, graph: Graph, features: frozenset[str], sparse: bool = True, large: bool = False) -> Kernel:
    """The kernel with the fewest predicted instructions.

    Raises:
        LookupError: the operator has none; :func:`edgebuild.ops.check` refuses such graphs.
    """
    found = candidates(node, graph, features, sparse, large)
    if not found:
        raise LookupError(node.op)
    return min(found, key=lambda kernel: kernel.instructions(node, graph))


def for_part(rows: Part, preferred: Kernel | None) -> Kernel:
    """The kernel for a part of a node: the node's own where it is exact for the part too, else a portable one.

    Raises:
        LookupError: the operator has none that is.
    """
    if preferred is not None and preferred.exact(rows.node, rows.graph):
        return preferred
    for kernel in ops.find(rows.node.op).kernels:
        if kernel.exact(rows.node, rows.graph):
            return kernel
    raise LookupError(rows.node.op)


__all__ = [
    "Optimize",
    "Part",
    "Selection",
    "Variant",
    "bulky",
    "candidates",
    "choose",
    "compact",
    "divisible",
    "find",
    "for_part",
    "lean",
    "names",
    "narrow",
    "of",
    "part",
    "select",
    "sums",
]
