"""No quantization: weights and activations stay 32-bit floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebuild.convert import Fed, Precision, Result, Source, _converter


class Float32(Precision):
    """The converter's defaults."""

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
        def configure(converter: Any, tensorflow: Any) -> None:
            """Nothing to set."""

        return Result(_converter.run(source, configure))
