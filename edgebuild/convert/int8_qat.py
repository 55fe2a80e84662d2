"""int8 after quantization-aware training: the weights learnt to be rounded, so nothing is scaled or corrected after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.convert import Fed, Precision, Result, Source
from edgebuild.convert._int8_settings import QUICK, Int8Settings


@dataclass(frozen=True)
class Int8QatSettings(Int8Settings):
    """Settings of ``int8_qat``."""

    equalize: Literal["auto", "yes", "no"] = field(
        default="no", metadata={"help": "scale channels against one another first, which undoes what was learnt"}
    )
    correct_bias: Literal["auto", "yes", "no"] = field(
        default="no", metadata={"help": "take the mean error of rounded weights back, of which training leaves none"}
    )


class Int8Qat(Precision):
    """The step ``qat`` goes before; what it leaves is quantized like any other model."""

    Settings = Int8QatSettings
    technique = "qat"
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
        return _calibrated.int8(source, calibration, io, settings or Int8QatSettings(), progress)
