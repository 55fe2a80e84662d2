"""A model on which TFLite's runtimes abort is still compared with them as far as they go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebuild import frontends, oracles
from edgebuild.errors import MismatchError
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from edgebuild.pipeline import answer
from tests.write_tflite import write

CLASSES = 12


def model(scale: float) -> tuple[bytes, Graph]:
    """RELU, then SOFTMAX of logits with ``scale``; below 2**-26 TFLite's SOFTMAX aborts."""
    row = (1, CLASSES)
    tensors = (
        Tensor("input", row, DType.INT8, Quantization((scale,), (3,))),
        Tensor("logits", row, DType.INT8, Quantization((scale,), (3,))),
        Tensor("output", row, DType.INT8, Quantization((1 / 256,), (-128,))),
    )
    nodes = (Node("relu", (0,), (1,), {}, "logits", 1), Node("softmax", (1,), (2,), {"beta": 1.0}, "softmax", 2))
    content = write(Graph("net", tensors, nodes, (0,), (2,)))
    return content, frontends.find("tflite").read(content, "net", "net.tflite")


def inputs() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (3, CLASSES)).astype(np.uint8)


def test_a_sound_model_is_answered_by_tflm(tmp_path: Path) -> None:
    vectors, warnings = answer.expect(*model(0.1), inputs(), tmp_path)
    assert (vectors.oracle, warnings) == ("tflm", ())


def test_tflite_answers_up_to_a_softmax_that_aborts(tmp_path: Path) -> None:
    content, graph = model(2.0**-30)
    vectors, warnings = answer.expect(content, graph, inputs(), tmp_path)
    assert vectors.oracle == "tflm up to the SOFTMAX at the end, and numpy"
    assert warnings[0] == "the oracle tflm could not run net: it crashed with SIGABRT"
    np.testing.assert_array_equal(vectors.expected, oracles.find("numpy").run(content, graph, inputs()))


def test_a_definition_that_differs_there_is_a_mismatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = answer.ask

    def wrong(name: str, content: bytes, rows: np.ndarray, folder: Path) -> tuple[np.ndarray | None, str]:
        found, trouble = real(name, content, rows, folder)
        return (None if found is None else found ^ 1), trouble

    monkeypatch.setattr(answer, "ask", wrong)
    with pytest.raises(MismatchError, match="differs from tflm's before the SOFTMAX at the end"):
        answer.expect(*model(2.0**-30), inputs(), tmp_path)
