"""Reading ``.tflite``: damaged files end in one clear error, whatever the damage."""

from __future__ import annotations

import numpy as np
import pytest
import tflite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebuild import frontends, ops
from edgebuild.errors import EdgebuildError, UsageError
from edgebuild.frontends.tflite import layer_name
from edgebuild.ir.text import dump
from edgebuild.ir.verify import verify
from tests import zoo
from tests.write_tflite import write

CASE = next(ops.find("conv_2d").cases()).graph
CONTENT = write(CASE)


def read(content: bytes):
    return frontends.find("tflite").read(content, "net", "net.tflite")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "net.tflite: is empty\n  remedy: export the model again"),
        (
            b"PK\x03\x04 not a flatbuffer at all",
            "net.tflite: is not a TFLite model (no TFL3 identifier)\n"
            "  remedy: give a .tflite, .keras, .h5 or SavedModel",
        ),
        (CONTENT[: len(CONTENT) // 2], "net.tflite: is truncated or damaged\n  remedy: copy or export the model again"),
        (
            b"\xff\xff\xff\x7fTFL3" + b"\0" * 40,
            "net.tflite: is truncated or damaged\n  remedy: copy or export the model again",
        ),
    ],
    ids=["empty", "not a model", "truncated", "offsets outside"],
)
def test_refusals(content, text):
    with pytest.raises(UsageError) as refused:
        read(content)
    assert str(refused.value) == text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(st.tuples(st.integers(8, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_is_a_clear_error_or_a_graph(changes):
    damaged = bytearray(CONTENT)
    for position, value in changes:
        damaged[position] = value
    try:
        graph = read(bytes(damaged))
    except EdgebuildError as refused:
        assert refused.rule and refused.remedy  # noqa: PT017 - or a graph
    else:
        assert dump(graph)


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(CONTENT) - 1))
def test_any_truncation_is_a_clear_error_or_a_graph(length):
    try:
        graph = read(CONTENT[:length])
    except UsageError as refused:
        assert str(refused)  # noqa: PT017 - or a graph
    else:
        assert graph.nodes


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("model/conv2d/Relu;model/bn/FusedBatchNormV3;", "model/conv2d"),
        ("StatefulPartitionedCall/net/dense/MatMul", "net/dense"),
        ("Identity_int8", "Identity_int8"),
        ("StatefulPartitionedCall:0", "StatefulPartitionedCall:0"),
    ],
)
def test_layer_names(tensor, layer):
    assert layer_name(tensor) == layer


def patched(**fields: int) -> bytes:
    """The case with fields of its first tensor changed in place."""
    content = bytearray(CONTENT)
    tensor = tflite.Model.GetRootAs(bytes(content), 0).Subgraphs(0).Tensors(0)
    slots = {"type": 6}
    for name, value in fields.items():
        content[tensor._tab.Pos + tensor._tab.Offset(slots[name])] = value
    return bytes(content)


def test_a_type_that_no_device_has():
    with pytest.raises(UsageError) as refused:
        read(patched(type=tflite.TensorType.COMPLEX64))
    assert str(refused.value) == (
        "input_0: has element type COMPLEX64, which no device build can use\n  remedy: quantize the model to int8"
    )


def test_the_border_moves_and_nothing_else_changes():
    content = zoo.tflite("keyword_spotting").read_bytes()
    graph = read(content)
    inputs, outputs = frontends.trimmed(graph, int8=True, softmax=False)
    moved = frontends.move(content, inputs, outputs, "net.tflite")
    trimmed = read(moved)
    verify(trimmed)
    assert [n.op for n in graph.nodes][:1] + [n.op for n in graph.nodes][-2:] == ["quantize", "softmax", "dequantize"]
    assert [n.op for n in trimmed.nodes] == [n.op for n in graph.nodes][1:-2]
    changed = np.count_nonzero(np.frombuffer(moved, np.uint8) != np.frombuffer(content, np.uint8))
    assert len(moved) == len(content) and changed < 100
    untouched = frontends.trimmed(graph, int8=False, softmax=True)
    assert untouched == (graph.inputs, graph.outputs)
