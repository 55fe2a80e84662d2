"""Every operator against TFLite: what edgebuild defines as correct is what TFLM and LiteRT compute."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild import frontends, kernels, ops, oracles
from edgebuild.ir.types import DType
from edgebuild.ir.verify import verify
from edgebuild.target.profile import OperatorLimits
from tests.write_tflite import write

CASES = [pytest.param(case, id=f"{name}: {case.name}") for name in ops.names() for case in ops.find(name).cases()]
ONLY_AT_BUILD_TIME = {"shape", "strided_slice", "pack"}


def inputs_of(graph, count: int = 6) -> np.ndarray:
    """Random bytes, and the extremes; floats that cover and exceed the quantized range."""
    random = np.random.default_rng(7)
    rows = []
    for row in range(count):
        parts = []
        for index in graph.inputs:
            tensor = graph.tensors[index]
            if tensor.dtype is DType.FLOAT32:
                array = random.normal(0, 4, tensor.shape).astype(np.float32)
            elif tensor.dtype is DType.INT32:
                array = random.integers(0, 9, tensor.shape).astype(np.int32)
            elif row < 2:
                array = np.full(tensor.shape, (-128, 127)[row], np.int8)
            else:
                array = random.integers(-128, 128, tensor.shape).astype(np.int8)
            parts.append(np.atleast_1d(array).reshape(-1).view(np.uint8))
        rows.append(np.concatenate(parts))
    return np.stack(rows)


LITERT_REFUSES = {"no bias, VALID, 1xN kernel"}
"""LiteRT's reference convolution insists on a bias; TFLM decides there."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("oracle", ["tflm", "litert"])
def test_evaluate_equals_the_reference_kernels(case, oracle):
    if oracle == "litert" and case.name in LITERT_REFUSES:
        oracle = "tflm"
    content = write(case.graph)
    inputs = inputs_of(case.graph)
    expected = oracles.find(oracle).run(content, case.graph, inputs)
    found = oracles.find("numpy").run(content, case.graph, inputs)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", CASES)
def test_it_survives_a_file(case):
    graph = frontends.find("tflite").read(write(case.graph), "case", "case.tflite")
    verify(graph)
    (node,), (original,) = graph.nodes, case.graph.nodes
    assert (node.op, node.inputs, node.outputs, node.version) == (
        original.op,
        original.inputs,
        original.outputs,
        original.version,
    )
    assert {k: node.options[k] for k in original.options} == dict(original.options)
    for tensor, wanted in zip(graph.tensors, case.graph.tensors, strict=True):
        assert (tensor.shape, tensor.dtype, tensor.quantization) == (wanted.shape, wanted.dtype, wanted.quantization)
        assert (tensor.data is None) == (wanted.data is None)
        if wanted.data is not None:
            np.testing.assert_array_equal(tensor.data, wanted.data)


@pytest.mark.parametrize("case", CASES)
def test_shape_inference_equals_the_file(case):
    (node,) = case.graph.nodes
    inferred = ops.find(node.op).output(node, case.graph)
    assert [(t.shape, t.dtype) for t in inferred] == [
        (case.graph.tensors[i].shape, case.graph.tensors[i].dtype) for i in node.outputs
    ]


@pytest.mark.parametrize("case", CASES)
def test_its_own_cases_are_allowed(case):
    (node,) = case.graph.nodes
    if node.op in ONLY_AT_BUILD_TIME:
        return
    ops.check(case.graph, OperatorLimits(), "any")
    assert ops.find(node.op).alias or kernels.choose(node, case.graph, frozenset())


@pytest.mark.parametrize("name", ops.names())
def test_every_rule_says_what_and_what_to_do(name):
    for rule in ops.find(name).rules:
        refusal, remedy = ops.refusal(rule)
        assert refusal and remedy, f"{name}: {rule.__name__} needs a refusal and a remedy in its docstring"


@pytest.mark.parametrize("case", CASES)
def test_some_portable_kernel_is_always_exact(case):
    (node,) = case.graph.nodes
    portable = ops.find(node.op).kernels
    assert not portable or any(kernel.exact(node, case.graph) for kernel in portable)
    assert all(not kernel.features for kernel in portable)
