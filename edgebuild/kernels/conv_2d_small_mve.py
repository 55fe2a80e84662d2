"""Any ungrouped convolution on Helium, all layers of a model in one function: less code, more instructions."""

from __future__ import annotations

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels.conv_2d_mve import Conv2DMve


class Conv2DSmallMve(Conv2DMve):
    """:class:`Conv2DMve` with one loop for all depths and one form of output for all layers."""

    code = 1800
    small = True

    def instructions(self, node: Node, graph: Graph) -> float:
        # never fewer than what it is the small form of, also where both are one
        return max(super().instructions(node, graph), Conv2DMve().instructions(node, graph) + 1)
