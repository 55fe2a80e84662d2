"""From a float .tflite to an int8 one: ways of choosing ranges are tried, and samples that none of them saw decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebuild.convert import (
    Fed,
    Result,
    Source,
    _bias,
    _converter,
    _equalize,
    _errors,
    _flatbuffer,
    _levels,
    _ranges,
    _statistics,
    each,
    picked,
)
from edgebuild.convert._int8_settings import Int8Settings

_EVERY = 4
"""Every fourth sample decides; where there are few, all of them do both."""

_FEW = 16
_DECIDING = 128
_GAIN = 0.98
"""What is more complicated must lose at least 2 % less."""


@dataclass(frozen=True, eq=False)
class _Try:
    content: bytes
    original: bytes
    seen: dict[int, _statistics.Seen]
    facts: dict[str, Any]
    loss: float


def quantized(
    source: Source,
    calibrated: bytes,
    samples: Fed,
    io: str,
    settings: Int8Settings,
    progress: Callable[[float], None],
) -> Result:
    """The int8 .tflite that loses least.

    Args:
        calibrated: the float .tflite as the converter calibrated it.
    """
    count = len(each(samples)[0])
    few = count < _FEW
    decides = np.arange(count) % _EVERY == 0
    deciding = picked(samples if few else picked(samples, decides), np.s_[:_DECIDING])
    learnt = samples if few else picked(samples, ~decides)
    names, classes = _errors.decisive(_flatbuffer.read(calibrated))
    expected = _errors.answers(calibrated, deciding, names)
    seen = _statistics.collect(calibrated, learnt, lambda done: progress(0.4 * done))

    def attempt(original: bytes, flow: dict[int, _statistics.Seen], method: _ranges.Method, correct: bool) -> _Try:
        content = _levels.kept(_quantize(source, _ranges.written(original, flow, method), io, settings), original)
        if correct:
            content = _bias.corrected(content, original, flow)
        loss = _errors.at_output(_errors.answers(content, deciding, names), expected, classes)
        facts = {"ranges": method, "equalized": original is not calibrated, "bias_corrected": correct}
        return _Try(content, original, flow, facts, loss)

    tried = []
    for method in _ranges.METHODS if settings.ranges == "auto" else (settings.ranges,):
        tried.append(attempt(calibrated, seen, method, correct=False))
        progress(0.4 + 0.1 * len(tried))
    best = _best(tried)
    scaled = None if settings.equalize == "no" else _equalize.equalized(calibrated, seen)
    if scaled is not None:
        flow = _statistics.collect(scaled, learnt, lambda done: progress(0.7 + 0.1 * done))
        other = attempt(scaled, flow, best.facts["ranges"], correct=False)
        tried.append(other)
        best = other if settings.equalize == "yes" else _best([best, other])
    if settings.correct_bias != "no":
        other = attempt(best.original, best.seen, best.facts["ranges"], correct=True)
        tried.append(other)
        best = other if settings.correct_bias == "yes" else _best([best, other])
    progress(0.9)
    layers = _errors.by_layer(best.content, best.original, deciding)
    facts = {
        **best.facts,
        "loss": _short(best.loss),
        "tried": [{**one.facts, "loss": _short(one.loss)} for one in tried],
        "worst": _errors.worst(layers),
        "layers": layers,
    }
    return Result(best.content, facts)


def _best(tries: list[_Try]) -> _Try:
    """The one that loses least; a later one only if it loses clearly less."""
    best = tries[0]
    for one in tries[1:]:
        if one.loss < best.loss * _GAIN:
            best = one
    return best


def _quantize(source: Source, ranged: bytes, io: str, settings: Int8Settings) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    kept = _kept(source, ranged, settings.keep)
    try:
        return bytes(
            mlir_quantize(
                ranged,
                input_data_type=tf.as_dtype(io),
                output_data_type=tf.as_dtype(io),
                disable_per_channel_for_dense_layers=settings.dense == "per_tensor",
                denylisted_nodes=kept or None,
            )
        )
    except Exception as error:
        raise _converter.refusal(source.place, str(error)) from error


def _kept(source: Source, content: bytes, layers: tuple[str, ...]) -> list[str]:
    """Names of the tensors that the operators of ``layers`` make.

    Raises:
        UsageError: a layer makes none.
    """
    from edgebuild.errors import UsageError

    tree = _flatbuffer.read(content)
    tensors = tree.subgraphs[0].tensors
    made = [tensors[int(op.outputs[0])] for op in tree.subgraphs[0].operators]
    for name in layers:
        if not any(name in _parts(tensor) for tensor in made):
            known = dict.fromkeys(_flatbuffer.layer(tensor) for tensor in made)
            raise UsageError(
                source.place, f"no operator belongs to layer {name!r}, so it cannot be kept", f"use {', '.join(known)}"
            )
    return [_flatbuffer.name(tensor) for tensor in made if set(layers) & _parts(tensor)]


def _parts(tensor: Any) -> set[str]:
    """Layers that were fused into what makes a tensor."""
    return {part.split("/")[0] for part in _flatbuffer.name(tensor).split(";")}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
