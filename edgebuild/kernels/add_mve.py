"""ADD of two tensors of one shape on Helium."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.ops import Call, add
from edgebuild.ops._binary import same_shapes

HALF = (1 << 30, 0)
"""Multiplier and shift of the operand with the larger scale: TFLite brings both to twice that scale."""


class AddMve(Variant):
    """The operand with the larger scale needs a shift only; the other one is rescaled eight elements at a time."""

    op = "add"
    template = "add/mve.c.j2"
    features = frozenset({"mve"})
    code = 500

    def exact(self, node: Node, graph: Graph) -> bool:
        p = add.context(node, graph).scalars
        halves = [letter for letter in "ab" if _scale(p, letter) == HALF]
        return same_shapes(node, graph) and bool(halves) and -31 <= p["output_shift"] < 0

    def instructions(self, node: Node, graph: Graph) -> float:
        shape = self.context(node, graph).shape
        each = 22 + 4 * shape["b_shifted"] + 2 * shape["ties"] + 2 * shape["clamped"]
        elements = graph.output(node).elements
        return 70 + elements // 8 * each + elements % 8 * 60

    def context(self, node: Node, graph: Graph) -> Call:
        p = add.context(node, graph).scalars
        a, b = ("a", "b") if _scale(p, "a") == HALF else ("b", "a")
        names = ("multiplier", "shift", "zero_point", "min", "max")
        return Call(
            operands=node.inputs[:2],
            scalars={
                "swapped": int(a == "b"),
                "elements": graph.output(node).elements,
                "a_zero_point": p[f"{a}_zero_point"],
                "b_zero_point": p[f"{b}_zero_point"],
                "b_multiplier": p[f"{b}_multiplier"],
                "b_shift": p[f"{b}_shift"],
                **{f"output_{name}": p[f"output_{name}"] for name in names},
            },
            shape={
                "tail": int(graph.output(node).elements % 8 > 0),
                "b_shifted": int(p[f"{b}_shift"] < 0),
                "ties": int(p["output_min"] < p["output_zero_point"]),
                "clamped": int((p["output_min"], p["output_max"]) != (-128, 127)),
            },
        )


def _scale(scalars: object, letter: str) -> tuple[int, int]:
    assert isinstance(scalars, dict)
    return int(scalars[f"{letter}_multiplier"]), int(scalars[f"{letter}_shift"])
