"""int8 weights and int16 activations: nearly as exact as floats, for models that int8 activations spoil."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebuild.convert import Fed, Precision, Result, Source


class Int16x8(Precision):
    """For the TFLite runtime, whose kernels for it are its slow ones."""

    calibrates = True
    borders = ("float32",)

    def convert(
        self,
        source: Source,
        calibration: Fed | None,
        io: str,
        progress: Callable[[float], None],
        settings: Any = None,
    ) -> Result:
        from edgebuild.convert import _calibrated

        assert calibration is not None, "a precision that calibrates is given data"
        return _calibrated.int16x8(source, calibration, progress)
