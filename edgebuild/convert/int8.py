"""Full-integer quantization after training: int8 weights (one scale a channel) and int8 activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from edgebuild.convert import Precision, Source, _converter, _float_tensors
from edgebuild.errors import UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Int8(Precision):
    """Activation ranges come from the calibration data; the quantization specification is TFLite's."""

    calibrates = True
    borders = ("int8", "float32")

    def convert(
        self, source: Source, calibration: NDArray[Any] | None, io: str, progress: Callable[[float], None]
    ) -> bytes:
        assert calibration is not None, "a precision that calibrates is given data"
        samples = calibration

        def feed() -> Iterator[list[Any]]:
            for index in range(len(samples)):
                progress(index / len(samples))
                yield [samples[index : index + 1]]

        def configure(converter: Any, tf: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = feed
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)

        model = _converter.run(source, configure)
        left = _float_tensors.operators(model)
        if left:
            raise UnsupportedError(
                source.place,
                "cannot be quantized to int8 as a whole: the converter leaves operators in float32",
                "replace these layers (for example ELU by ReLU), or choose precision float32",
                tuple(left),
            )
        return model
