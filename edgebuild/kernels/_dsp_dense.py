"""A fully connected layer as every kernel on the DSP extension sees it."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels._dsp_channels import Channels
from edgebuild.ops import fully_connected
from edgebuild.ops._requantization import Requantization


@dataclass(frozen=True, eq=False)
class Dense:
    """A FULLY_CONNECTED node.

    Attributes:
        channels: one a unit.
        form: of the requantization; ``one`` where one multiplier serves all units with one rounding.
    """

    channels: Channels
    requantization: Requantization
    features: int
    rows: int

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Dense:
        """The numbers of ``node``."""
        portable = fully_connected.context(node, graph)
        fields, arrays = {name: int(value) for name, value in portable.scalars.items()}, portable.arrays
        zero_point, low, high = (fields[f"output_{name}"] for name in ("zero_point", "min", "max"))
        found = Requantization(arrays["multiplier"], arrays["shift"], zero_point, low, high)
        channels = Channels.of(arrays["weights"], arrays["bias"], fields["input_zero_point"], found)
        return cls(channels, found, fields["features"], fields["rows"])

    @property
    def form(self) -> str:
        """Of the requantization."""
        channels = self.channels
        alike = len(set(channels.multiplier.tolist())) == len(set(channels.shift.tolist())) == 1
        return "one" if alike and channels.form == "relu" else channels.form

    @property
    def clamped(self) -> bool:
        """Whether the clamp is tighter than int8."""
        return (self.requantization.low, self.requantization.high) != (-128, 127)
