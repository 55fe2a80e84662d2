"""Writes a graph as ``.tflite`` with TFLM's own schema code, so that the oracles can run it.

The product never writes models; only tests do.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
import tflite
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from edgebuild import ops
from edgebuild.ir.graph import Graph

_TABLES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "SOFTMAX": "SoftmaxOptions",
    "RESHAPE": "ReshapeOptions",
    "SQUEEZE": "SqueezeOptions",
    "SHAPE": "ShapeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "PACK": "PackOptions",
    "LEAKY_RELU": "LeakyReluOptions",
}


def write(graph: Graph) -> bytes:
    """The flatbuffer of ``graph``."""
    model = schema.ModelT()
    model.version, model.description = 3, "edgebuild test"
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    subgraph = schema.SubGraphT()
    subgraph.name, subgraph.tensors, subgraph.operators = "main", [], []
    subgraph.inputs, subgraph.outputs = list(graph.inputs), list(graph.outputs)
    for tensor in graph.tensors:
        raw = schema.TensorT()
        raw.name, raw.shape = tensor.name, list(tensor.shape)
        raw.type = getattr(schema.TensorType, tensor.dtype.value.upper())
        raw.buffer = 0
        if tensor.data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
            raw.buffer = len(model.buffers)
            model.buffers.append(buffer)
        if tensor.quantization is not None:
            raw.quantization = schema.QuantizationParametersT()
            raw.quantization.scale = list(tensor.quantization.scales)
            raw.quantization.zeroPoint = list(tensor.quantization.zero_points)
            raw.quantization.quantizedDimension = tensor.quantization.axis
        subgraph.tensors.append(raw)
    for node in graph.nodes:
        name = ops.find(node.op).tflite
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = node.version
        raw_node = schema.OperatorT()
        raw_node.opcodeIndex = len(model.operatorCodes)
        model.operatorCodes.append(code)
        raw_node.inputs, raw_node.outputs = list(node.inputs), list(node.outputs)
        if name in _TABLES:
            raw_node.builtinOptionsType = getattr(schema.BuiltinOptions, _TABLES[name])
            raw_node.builtinOptions = _options(_TABLES[name], node.options)
        subgraph.operators.append(raw_node)
    model.subgraphs = [subgraph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _options(table: str, options: dict) -> object:
    written = getattr(schema, f"{table}T")()
    for key, value in options.items():
        field = "".join(w if i == 0 else w.capitalize() for i, w in enumerate(key.split("_")))
        assert hasattr(written, field), f"{table} has no {field}"
        if key == "padding":
            value = getattr(tflite.Padding, value)
        if key == "fused_activation_function":
            value = getattr(tflite.ActivationFunctionType, value)
        setattr(written, field, value)
    return written
