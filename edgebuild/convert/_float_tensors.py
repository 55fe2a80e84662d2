"""Finds operators that a supposedly integer .tflite still computes in floating point."""

from __future__ import annotations

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def operators(model: bytes, allowed: tuple[str, ...] = ()) -> list[str]:
    """``OPERATOR 'layer'`` for each operator of ``model`` that has a float tensor, but those of layers ``allowed``.

    QUANTIZE and DEQUANTIZE have one by nature: at the border because floats were asked for, and anywhere else only
    around another float operator, which is the one to name.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    floats = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64}
    found = []
    for graph in tree.subgraphs:
        for operator in graph.operators or ():
            code = tree.operatorCodes[operator.opcodeIndex]
            name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            tensors = [int(index) for index in (*operator.inputs, *operator.outputs) if index >= 0]
            if name not in CONVERSIONS and any(graph.tensors[index].type in floats for index in tensors):
                layer = graph.tensors[int(operator.outputs[0])].name.decode("utf-8", "replace")
                if {part.split("/")[0] for part in layer.split(";")} & set(allowed):
                    continue
                found.append(f"{name} {layer.split(';')[0]!r}")
    return found
