"""LiteRT's reference kernels (BUILTIN_REF), the second opinion; optional (PyPI ``ai-edge-litert``)."""

from __future__ import annotations

import importlib.util

import numpy as np

from edgebuild.ir.graph import Graph
from edgebuild.oracles import Oracle, join, split


class Litert(Oracle):
    """Runs the file itself, never with XNNPACK."""

    def available(self) -> bool:
        return importlib.util.find_spec("ai_edge_litert") is not None

    def run(self, content: bytes, graph: Graph, inputs: np.ndarray) -> np.ndarray:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        interpreter = Interpreter(
            model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        interpreter.allocate_tensors()
        rows = []
        for row in inputs:
            for detail, array in zip(interpreter.get_input_details(), split(row, graph), strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
            rows.append(join([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]))
        return np.stack(rows)
