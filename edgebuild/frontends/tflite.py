"""Reads ``.tflite``.  Everything in the file is data: a damaged one ends in an error, never in a crash."""

from __future__ import annotations

import functools
import math
import re
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tflite

from edgebuild.errors import UsageError
from edgebuild.frontends import Frontend
from edgebuild.ir.graph import ABSENT, Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from edgebuild.ops import by_tflite

DAMAGED = (
    struct.error,
    AttributeError,  # of a table that is not there
    IndexError,
    ValueError,
    TypeError,
    KeyError,
    UnicodeDecodeError,
    OverflowError,
    MemoryError,
)
"""What reading offsets that point nowhere raises."""


class Tflite(Frontend):
    """TensorFlow Lite's flatbuffer, schema version 3."""

    suffix = ".tflite"

    def read(self, content: bytes, name: str, place: str) -> Graph:
        model = open_model(content, place)
        if model.SubgraphsLength() != 1:
            raise UsageError(
                place,
                f"has {model.SubgraphsLength()} subgraphs, a device build needs exactly one",
                "export the model without control flow (while, if) and without several signatures",
            )
        try:
            subgraph = model.Subgraphs(0)
            tensors = tuple(_tensor(model, subgraph, i) for i in range(subgraph.TensorsLength()))
            nodes = tuple(_node(model, subgraph, tensors, i) for i in range(subgraph.OperatorsLength()))
            inputs, outputs = (_indices(a) for a in (subgraph.InputsAsNumpy(), subgraph.OutputsAsNumpy()))
            signatures = [_indices(subgraph.Tensors(i).ShapeSignatureAsNumpy()) for i in range(len(tensors))]
            _check_indices(nodes, inputs, outputs, len(tensors))
        except DAMAGED as error:
            raise damaged(place) from error
        if not inputs or not outputs:
            raise UsageError(place, "has no input or no output", "export the model again with both")
        graph = Graph(name, tensors, nodes, inputs, outputs)
        _check_shapes(graph, signatures, place)
        return graph


def open_model(content: bytes, place: str) -> Any:
    """The flatbuffer's root.

    Raises:
        UsageError: the bytes are not a whole TFLite model.
    """
    if not content:
        raise UsageError(place, "is empty", "export the model again")
    if len(content) < 16 or not tflite.Model.ModelBufferHasIdentifier(content, 0):
        raise UsageError(
            place, "is not a TFLite model (no TFL3 identifier)", "give a .tflite, .keras, .h5 or SavedModel"
        )
    try:
        model = tflite.Model.GetRootAs(content, 0)
        version, subgraphs = model.Version(), model.SubgraphsLength()
    except DAMAGED as error:
        raise damaged(place) from error
    if version != 3:
        raise UsageError(place, f"has schema version {version}, only 3 is known", "convert it again")
    if subgraphs > len(content):
        raise damaged(place)
    return model


def damaged(place: str) -> UsageError:
    """The error for a file whose offsets point outside it."""
    return UsageError(place, "is truncated or damaged", "copy or export the model again")


def _indices(values: Any) -> tuple[int, ...]:
    # an absent vector reads as the number 0
    return tuple(int(v) for v in values) if isinstance(values, np.ndarray) else ()


@functools.cache
def _names(enumeration: str) -> Mapping[int, str]:
    members = vars(getattr(tflite, enumeration))
    return MappingProxyType({v: k for k, v in members.items() if isinstance(v, int) and not k.startswith("_")})


def _dtype(code: int) -> DType | None:
    name = _names("TensorType").get(code, "").lower()
    return DType(name) if name in {d.value for d in DType} else None


def _tensor(model: Any, subgraph: Any, index: int) -> Tensor:
    raw = subgraph.Tensors(index)
    shape = _indices(raw.ShapeAsNumpy())
    dtype = _dtype(raw.Type())
    if dtype is None:
        raise UsageError(
            (raw.Name() or b"").decode(),
            f"has element type {_names('TensorType').get(raw.Type(), raw.Type())}, which no device build can use",
            "quantize the model to int8",
        )
    return Tensor(
        name=(raw.Name() or b"").decode(),
        shape=shape,
        dtype=dtype,
        quantization=_quantization(raw.Quantization()),
        data=_data(model, raw, shape, dtype),
    )


def _quantization(raw: Any) -> Quantization | None:
    if raw is None or raw.ScaleLength() == 0:
        return None
    scales = tuple(float(s) for s in raw.ScaleAsNumpy())
    zero_points = tuple(int(z) for z in raw.ZeroPointAsNumpy()) if raw.ZeroPointLength() else (0,) * len(scales)
    if len(zero_points) != len(scales):
        zero_points = zero_points[:1] * len(scales)
    return Quantization(scales, zero_points, raw.QuantizedDimension())


def _data(model: Any, raw: Any, shape: tuple[int, ...], dtype: DType) -> np.ndarray | None:
    if raw.IsVariable():
        raise UsageError(
            (raw.Name() or b"").decode(),
            "is a state variable, and a device build keeps no state between inferences",
            "export the model with its state as an input and an output",
        )
    if not 0 <= raw.Buffer() < model.BuffersLength():
        raise IndexError(raw.Buffer())
    buffer = model.Buffers(raw.Buffer())
    if buffer.DataLength() == 0:
        # a constant without elements has no bytes either
        return np.zeros(shape, dtype.numpy) if shape and math.prod(shape) == 0 else None
    if raw.Sparsity() is not None:
        raise UsageError(
            (raw.Name() or b"").decode(),
            "is stored sparse, which TFLM cannot read (it returned NaN without an error)",
            "convert without Optimize.EXPERIMENTAL_SPARSITY; edgebuild finds zeros in dense weights by itself",
        )
    content = buffer.DataAsNumpy()
    if dtype is DType.INT4:
        pairs = content.view(np.int8)
        low, high = (pairs << 4) >> 4, pairs >> 4
        content = np.stack([low, high], axis=-1).reshape(-1)[: math.prod(shape)].view(np.uint8)
    array: np.ndarray = content.view(dtype.numpy).reshape(shape).copy()
    array.setflags(write=False)
    return array


def _node(model: Any, subgraph: Any, tensors: tuple[Tensor, ...], index: int) -> Node:
    raw = subgraph.Operators(index)
    code = model.OperatorCodes(raw.OpcodeIndex())
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _names("BuiltinOperator").get(builtin, f"OPERATOR_{builtin}")
    if name == "CUSTOM":
        name = f"custom {(code.CustomCode() or b'').decode()}"
    inputs, outputs = _indices(raw.InputsAsNumpy()), _indices(raw.OutputsAsNumpy())
    if any(not -1 <= i < len(tensors) for i in inputs) or any(not 0 <= i < len(tensors) for i in outputs):
        raise IndexError(index)
    layer = layer_name(tensors[outputs[0]].name) if outputs else f"operator {index}"
    return Node(by_tflite().get(name, name.lower()), inputs, outputs, _options(raw), layer, code.Version())


def layer_name(tensor: str) -> str:
    """The layer's name in the user's model, from the name of its output tensor.

    The converter joins the names of what it fused with ``;``; the first is kept, without the trailing
    operation: ``model/conv2d/Relu;model/bn/FusedBatchNorm`` is ``model/conv2d``.
    """
    first = tensor.split(";")[0]
    parts = [part for part in first.split("/") if part]
    # StatefulPartitionedCall is the function that tf.function wraps round every model
    parts = [p for p in parts if not p.startswith("StatefulPartitionedCall")] or parts
    return "/".join(parts[:-1]) if len(parts) > 1 else first


def _options(raw: Any) -> Mapping[str, Any]:
    """The operator's attributes, whatever its table, by reflection over the schema's accessors."""
    table = raw.BuiltinOptions()
    kind = _names("BuiltinOptions").get(raw.BuiltinOptionsType(), "NONE")
    if table is None or kind == "NONE":
        return MappingProxyType({})
    options = getattr(tflite, kind)()
    options.Init(table.Bytes, table.Pos)
    found: dict[str, Any] = {}
    for accessor in vars(type(options)):
        if (
            accessor.startswith(("GetRootAs", "_"))
            or accessor == "Init"
            or accessor.endswith(("BufferHasIdentifier", "AsNumpy", "IsNone", "Length"))
        ):
            continue
        length = getattr(options, f"{accessor}Length", None)
        method = getattr(options, accessor)
        value = [method(i) for i in range(length())] if length else method()
        found[_snake(accessor)] = _named(accessor, value)
    return MappingProxyType(found)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _named(accessor: str, value: Any) -> Any:
    enumeration = {"FusedActivationFunction": "ActivationFunctionType", "Padding": "Padding"}.get(accessor)
    return _names(enumeration)[value] if enumeration else value


def _check_indices(nodes: tuple[Node, ...], inputs: tuple[int, ...], outputs: tuple[int, ...], tensors: int) -> None:
    made = (index for node in nodes for index in node.outputs)
    read = (index for node in nodes for index in node.inputs if index != ABSENT)
    for index in (*inputs, *outputs, *made, *read):
        if not 0 <= index < tensors:
            raise IndexError(index)


def _check_shapes(graph: Graph, signatures: list[tuple[int, ...]], place: str) -> None:
    """Refuse a dynamic extent other than the batch, which is always 1 on a device."""
    for index in (*graph.inputs, *graph.outputs):
        signature = signatures[index]
        tensor = graph.tensors[index]
        if any(extent < 0 for extent in signature[1:]) or any(extent <= 0 for extent in tensor.shape):
            shown = " x ".join("?" if n < 0 else str(n) for n in (signature or tensor.shape))
            raise UsageError(
                place,
                f"{tensor.name!r} has the dynamic shape {shown}; only the batch may be open on a device",
                "export the model with fixed extents",
            )
