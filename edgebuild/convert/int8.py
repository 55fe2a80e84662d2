"""Full-integer quantization after training: int8 weights (one scale a channel) and int8 activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgebuild.convert import Fed, Precision, Result, Source
from edgebuild.convert._int8_settings import QUICK, Int8Settings


class Int8(Precision):
    """Activation ranges come from the calibration data; the quantization specification is TFLite's."""

    Settings = Int8Settings
    calibrates = True
    quick = QUICK
    borders = ("int8", "float32")

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
        return _calibrated.int8(source, calibration, io, settings or Int8Settings(), progress)
