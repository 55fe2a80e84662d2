"""Runs the converter with calibration data, and insists that integers are all that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from edgebuild.convert import Fed, Result, Source, _converter, _flatbuffer, _float_tensors, _search, each
from edgebuild.convert._int8_settings import Int8Settings
from edgebuild.errors import UnsupportedError


def int8(
    source: Source,
    samples: Fed,
    io: str,
    settings: Int8Settings,
    progress: Callable[[float], None],
) -> Result:
    """The int8 .tflite.

    Raises:
        UnsupportedError: the converter refuses an operator, or leaves it in float32.
    """

    def configure(converter: Any, tf: Any) -> None:
        _feed(converter, tf, samples, lambda done: progress(0.2 * done))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)
        per_tensor = settings.dense == "per_tensor"
        converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor

    def only_calibrate(converter: Any, tf: Any) -> None:
        configure(converter, tf)
        converter._experimental_calibrate_only = True

    calibrated = _converter.run(source, only_calibrate)
    if _plain(source, calibrated):
        rest = lambda done: progress(0.2 + 0.8 * done)  # noqa: E731
        result = _search.quantized(source, calibrated, samples, io, settings, rest)
    else:
        result = Result(_converter.run(source, configure), {"ranges": "min_max"})
    _insist(source, result.content, "int8", settings.keep)
    return result


def int16x8(source: Source, samples: Fed, progress: Callable[[float], None]) -> Result:
    """The .tflite with int16 activations and int8 weights, between float inputs and outputs.

    Raises:
        UnsupportedError: as for :func:`int8`.
    """

    def configure(converter: Any, tf: Any) -> None:
        _feed(converter, tf, samples, progress)
        int16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16]

    content = _converter.run(source, configure)
    _insist(source, content, "int16x8", ())
    return Result(content)


def _feed(converter: Any, tf: Any, samples: Fed, progress: Callable[[float], None]) -> None:
    def feed() -> Iterator[list[Any]]:
        arrays = each(samples)
        for index in range(len(arrays[0])):
            progress(index / len(arrays[0]))
            yield [array[index : index + 1] for array in arrays]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed


def _plain(source: Source, content: bytes) -> bool:
    """Whether ranges can be chosen: real inputs, and no operator that keeps a state or ranges of its own."""
    tree = _flatbuffer.read(content)
    if any(port.dtype != "float32" for port in source.inputs) or len(tree.subgraphs) != 1:
        return False
    tensors = tree.subgraphs[0].tensors
    held = any(tensor.isVariable for tensor in tensors)
    own = any(op.intermediates is not None and len(op.intermediates) for op in tree.subgraphs[0].operators)
    return not held and not own


def _insist(source: Source, content: bytes, precision: str, keep: tuple[str, ...]) -> None:
    left = _float_tensors.operators(content, keep)
    if left:
        raise UnsupportedError(
            source.place,
            f"cannot be quantized to {precision} as a whole: the converter leaves operators in float32",
            "replace these layers (for example ELU by ReLU), or choose precision float32",
            tuple(left),
        )
