"""Weights are stored as 16-bit floats and widened again where the model runs: half the size, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebuild.convert import Fed, Precision, Result, Source, _converter


class Float16(Precision):
    """Activations stay 32-bit floats; for the TFLite runtime, not for microcontrollers."""

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
            converter.target_spec.supported_types = [tf.float16]

        return Result(_converter.run(source, configure))
