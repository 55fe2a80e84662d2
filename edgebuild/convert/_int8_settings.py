"""Settings that the int8 precisions share; in a module that imports nothing slow, as the command checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

QUICK = {"ranges": "min_max", "equalize": "no", "correct_bias": "no"}
"""What the converter does by itself."""


@dataclass(frozen=True)
class Int8Settings:
    """Settings of ``int8``."""

    ranges: Literal["auto", "min_max", "percentile", "mse"] = field(
        default="auto",
        metadata={
            "help": "how an activation's range follows from the calibration: all of it, 99.99 % of the values, or the "
            "least mean squared error; auto: whichever loses least on held-out samples"
        },
    )
    equalize: Literal["auto", "yes", "no"] = field(
        default="auto", metadata={"help": "scale channels against one another first (cross-layer equalization)"}
    )
    correct_bias: Literal["auto", "yes", "no"] = field(
        default="auto", metadata={"help": "take the mean error of rounded weights back in the biases"}
    )
    dense: Literal["per_channel", "per_tensor"] = field(
        default="per_channel",
        metadata={"help": "scales of Dense layers; some older runtimes know only one a tensor"},
    )
    keep: tuple[str, ...] = field(
        default=(), metadata={"help": "layers that stay in float32, where the target's runtime can mix them"}
    )
