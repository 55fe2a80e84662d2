"""A .tflite as a tree of objects that can be read, changed and written again."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"FLOAT32": np.float32, "INT32": np.int32, "INT8": np.int8, "INT16": np.int16, "INT64": np.int64}

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def _schema() -> Any:
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def read(content: bytes) -> Any:
    """The tree of a .tflite."""
    schema = _schema()
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def write(tree: Any) -> bytes:
    """The .tflite of a tree."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@functools.cache
def _operators() -> dict[int, str]:
    return {value: name for name, value in vars(_schema().BuiltinOperator).items() if isinstance(value, int)}


@functools.cache
def _dtypes() -> dict[int, str]:
    return {value: name for name, value in vars(_schema().TensorType).items() if isinstance(value, int)}


def kind(tree: Any, operator: Any) -> str:
    """TFLite's name of an operator."""
    code = tree.operatorCodes[operator.opcodeIndex]
    return _operators()[max(code.builtinCode, code.deprecatedBuiltinCode)]


def dtype(tensor: Any) -> str:
    """TFLite's name of a tensor's element type."""
    return _dtypes()[tensor.type]


def name(tensor: Any) -> str:
    """A tensor's name."""
    return str(tensor.name.decode("utf-8", "replace"))


def layer(tensor: Any) -> str:
    """The layer that a tensor belongs to, by its name: ``conv/Relu;conv/BiasAdd`` is ``conv``'s."""
    return name(tensor).split(";")[0].split("/")[0]


def weights(tree: Any, operator: Any) -> Any | None:
    """The tensor of an operator's weights; None where it has none, or computes them."""
    if kind(tree, operator) not in WEIGHTED:
        return None
    tensor = tree.subgraphs[0].tensors[operator.inputs[1]]
    return tensor if constant(tree, tensor) is not None else None


def axis(tree: Any, operator: Any) -> int:
    """Which axis of an operator's weights counts its outputs."""
    return 3 if kind(tree, operator) == "DEPTHWISE_CONV_2D" else 0


def constant(tree: Any, tensor: Any) -> NDArray[Any] | None:
    """The values of a constant tensor; None where it is computed, or of a type that is not looked into."""
    data = tree.buffers[tensor.buffer].data
    if data is None or len(data) == 0 or dtype(tensor) not in _TYPES or tensor.sparsity is not None:
        return None
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _TYPES[dtype(tensor)])
    return values.reshape(shape)


def patched(
    content: bytes,
    tree: Any,
    values: Mapping[int, NDArray[Any]],
    scales: Mapping[int, NDArray[np.float32]] | None = None,
) -> bytes:
    """``content`` with other values, and scales, in the constant tensors of these numbers; nothing else moves.

    Written anew from Python, a .tflite would be larger, and its buffers not aligned as the runtimes like them.
    Both are of the size that they had.  Values of tensors that are not :func:`alone` are left as they are, and scales
    of those that several operators read.
    """
    written = bytearray(content)
    model = _schema().Model.GetRootAsModel(written, 0)
    for number, new in values.items():
        if alone(tree, number):
            buffer = tree.subgraphs[0].tensors[number].buffer
            model.Buffers(buffer).DataAsNumpy()[:] = np.frombuffer(np.ascontiguousarray(new).tobytes(), np.uint8)
    for number, scale in (scales or {}).items():
        if readers(tree, number) == 1:
            model.Subgraphs(0).Tensors(number).Quantization().ScaleAsNumpy()[:] = scale
    return bytes(written)


def alone(tree: Any, number: int) -> bool:
    """Whether a single operator reads tensor ``number``, and no other tensor has its buffer."""
    tensors = tree.subgraphs[0].tensors
    return readers(tree, number) == 1 and sum(one.buffer == tensors[number].buffer for one in tensors) == 1


def pairs(tree: Any, before: Any) -> Iterator[tuple[Any, Any]]:
    """Operators of ``tree``, each with the one of ``before`` it was made of, which makes its output."""
    source = before.subgraphs[0]
    makers = {name(source.tensors[operator.outputs[0]]): operator for operator in source.operators}
    graph = tree.subgraphs[0]
    for operator in graph.operators:
        maker = makers.get(name(graph.tensors[operator.outputs[0]]))
        if maker is not None:
            yield operator, maker


def readers(tree: Any, number: int) -> int:
    """How many operands of operators tensor ``number`` is."""
    return sum(int(index) == number for operator in tree.subgraphs[0].operators for index in operator.inputs)


def store(tree: Any, operator: Any, position: int, values: NDArray[Any]) -> None:
    """Give a constant operand of ``operator`` other values.

    Operators with equal biases share the tensor, and tensors with equal values the buffer; the others keep theirs.
    """
    graph = tree.subgraphs[0]
    number = int(operator.inputs[position])
    if readers(tree, number) > 1:
        graph.tensors.append(copy.copy(graph.tensors[number]))
        number = len(graph.tensors) - 1
        inputs = np.array(operator.inputs, np.int32)
        inputs[position] = number
        operator.inputs = inputs
    buffer = _schema().BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    graph.tensors[number].buffer = len(tree.buffers)
    tree.buffers.append(buffer)


@dataclass(frozen=True)
class Weights:
    """What compression left in an operator's weights.

    Attributes:
        layers: the layers that were fused into them.
        size, zeros: how many weights there are, and how many of them are zero.
        values: the most distinct ones in a channel.
        channels: the weights themselves, ``(channels, weights)``.
    """

    layers: frozenset[str]
    size: int
    zeros: int
    values: int
    channels: NDArray[Any]


def weights_in(content: bytes) -> list[Weights]:
    """Every operator's constant weights in a .tflite."""
    tree = read(content)
    found = []
    for operator in tree.subgraphs[0].operators or ():
        tensor = weights(tree, operator)
        values = None if tensor is None else constant(tree, tensor)
        if tensor is None or values is None or values.ndim < 2:
            continue
        outputs = axis(tree, operator)
        channels = np.moveaxis(values, outputs, 0).reshape(values.shape[outputs], -1)
        parts = (*name(tensor).split(";"), *name(tree.subgraphs[0].tensors[operator.outputs[0]]).split(";"))
        found.append(
            Weights(
                frozenset(part.split("/")[0] for part in parts),
                values.size,
                int(np.count_nonzero(values == 0)),
                max(len(np.unique(channel)) for channel in channels),
                channels,
            )
        )
    return found
