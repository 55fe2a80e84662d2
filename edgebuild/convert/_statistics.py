"""What flows through a float .tflite: the range, the histogram and the mean of every activation over samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import Fed, _flatbuffer, each

BINS = 2048


@dataclass(eq=False)
class Seen:
    """What was seen of one tensor.

    Attributes:
        low, high: smallest and largest element.
        largest: largest magnitude in each channel (last axis).
        mean: of each channel, over all samples and places.
        elements: mean of each element, for what a FULLY_CONNECTED reads.
        counts: histogram from ``low`` to ``high``.
    """

    low: float
    high: float
    largest: NDArray[np.float64]
    mean: NDArray[np.float64]
    elements: NDArray[np.float64]
    counts: NDArray[np.int64]


def runner(content: bytes) -> Any:
    """TFLite's interpreter with every tensor left to be read, and TFLite's own kernels rather than XNNPACK's."""
    import warnings

    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will move to another package
        interpreter = tf.lite.Interpreter(
            model_content=content,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    interpreter.allocate_tensors()
    return interpreter


def run(interpreter: Any, samples: Fed, number: int) -> None:
    """Feed sample ``number`` of float32, quantized where the model takes integers."""
    for port, array in zip(interpreter.get_input_details(), each(samples), strict=True):
        sample = array[number : number + 1]
        if port["dtype"] != np.float32:
            scale, zero_point = port["quantization"]
            limits = np.iinfo(port["dtype"])
            sample = np.clip(np.round(sample / scale) + zero_point, limits.min, limits.max).astype(port["dtype"])
        interpreter.set_tensor(port["index"], sample)
    interpreter.invoke()


def real(interpreter: Any, tensor: Any, index: int) -> NDArray[np.float64]:
    """A tensor's content as real numbers."""
    values = np.asarray(interpreter.get_tensor(index), np.float64)
    quantization = tensor.quantization
    if quantization is not None and quantization.scale is not None and len(quantization.scale) == 1:
        return (values - int(quantization.zeroPoint[0])) * float(quantization.scale[0])
    return values


def activations(tree: Any) -> list[int]:
    """Numbers of the tensors that are computed or fed, and real."""
    graph = tree.subgraphs[0]
    made = [int(index) for operator in graph.operators for index in operator.outputs]
    every = dict.fromkeys([*(int(index) for index in graph.inputs), *made])
    return [index for index in every if _flatbuffer.dtype(graph.tensors[index]) == "FLOAT32"]


def collect(content: bytes, samples: Fed, progress: Callable[[float], None]) -> dict[int, Seen]:
    """What every activation of the float ``content`` is like over ``samples``."""
    tree, interpreter = _flatbuffer.read(content), runner(content)
    indices = activations(tree)
    seen: dict[int, Seen] = {}
    count = len(each(samples)[0])
    for number in range(count):
        run(interpreter, samples, number)
        for index in indices:
            values = np.asarray(interpreter.get_tensor(index), np.float64)
            _note(seen, index, values, count)
        progress(number / count / 2)
    for number in range(count):
        run(interpreter, samples, number)
        for index in indices:
            one = seen[index]
            top = one.high if one.high > one.low else one.low + 1
            one.counts += np.histogram(interpreter.get_tensor(index), BINS, (one.low, top))[0]
        progress(0.5 + number / count / 2)
    return seen


def _note(seen: dict[int, Seen], index: int, values: NDArray[np.float64], count: int) -> None:
    columns = values.reshape(-1, values.shape[-1] if values.ndim else 1)
    largest, mean = np.abs(columns).max(axis=0), columns.mean(axis=0) / count
    if index not in seen:
        empty = np.zeros(BINS, np.int64)
        seen[index] = Seen(values.min(), values.max(), largest, mean, values.reshape(-1) / count, empty)
        return
    one = seen[index]
    one.low, one.high = min(one.low, values.min()), max(one.high, values.max())
    one.largest = np.maximum(one.largest, largest)
    one.mean += mean
    one.elements += values.reshape(-1) / count
