"""Dynamic range: int8 weights, and activations that are quantized as they come; needs no calibration data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgebuild.convert import Precision, Result, Source, _converter

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Dynamic(Precision):
    """For the TFLite runtime, which finds the range of each activation while it runs."""

    calibrates = False
    borders = ("float32",)

    def convert(
        self,
        source: Source,
        calibration: NDArray[Any] | None,
        io: str,
        progress: Callable[[float], None],
        settings: Any = None,
    ) -> Result:
        def configure(converter: Any, tf: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]

        return Result(_converter.run(source, configure))
