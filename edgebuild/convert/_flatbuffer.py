"""A .tflite as a tree of objects that can be read, changed and written again."""

from __future__ import annotations

import functools
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


def store(tree: Any, tensor: Any, values: NDArray[Any]) -> None:
    """Give a constant tensor other values; in a buffer of its own, as tensors with equal values share one."""
    buffer = _schema().BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    tensor.buffer = len(tree.buffers)
    tree.buffers.append(buffer)


@dataclass(frozen=True)
class Weights:
    """What compression left in an operator's weights.

    Attributes:
        layers: the layers that were fused into them.
        size, zeros: how many weights there are, and how many of them are zero.
        values: the most distinct ones in a channel.
    """

    layers: frozenset[str]
    size: int
    zeros: int
    values: int


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
            )
        )
    return found
