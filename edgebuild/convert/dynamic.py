"""Dynamic range: int8 weights, and activations that are quantized as they come; needs no calibration data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebuild.convert import Fed, Precision, Result, Source, _converter


class Dynamic(Precision):
    """For the TFLite runtime, which finds the range of each activation while it runs."""

    calibrates = False
    borders = ("float32",)

    def convert(
        self,
        source: Source,
        calibration: Fed | None,
        io: str,
        progress: Callable[[float], None],
        settings: Any = None,
    ) -> Result:
        def configure(converter: Any, tf: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]

        return Result(_converter.run(source, configure))
