"""TFLite Micro's interpreter with its reference kernels (PyPI ``tflite-micro``): the one that decides."""

from __future__ import annotations

import importlib.util

import numpy as np

from edgebuild.errors import UnsupportedError
from edgebuild.ir.graph import Graph
from edgebuild.oracles import Oracle, join, split


class Tflm(Oracle):
    """Runs the file itself."""

    def available(self) -> bool:
        return importlib.util.find_spec("tflite_micro") is not None

    def run(self, content: bytes, graph: Graph, inputs: np.ndarray) -> np.ndarray:
        from tflite_micro.python.tflite_micro import runtime

        tensors = sum(t.bytes + 512 for t in graph.tensors if not t.constant)
        try:
            interpreter = runtime.Interpreter.from_bytes(content, arena_size=2 * tensors + 1_000_000)
        except RuntimeError as error:
            raise UnsupportedError(
                graph.name, "TFLite Micro itself refuses this model", "see the reason it printed above"
            ) from error
        rows = []
        for row in inputs:
            for i, array in enumerate(split(row, graph)):
                interpreter.set_input(array, i)
            interpreter.invoke()
            rows.append(join([interpreter.get_output(i) for i in range(len(graph.outputs))]))
        return np.stack(rows)
