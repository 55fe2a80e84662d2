"""Every pass keeps every output byte, on every operator and on real models."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild import frontends, oracles, passes
from edgebuild.ir.verify import verify
from tests import zoo
from tests.ops.test_every_operator import CASES, inputs_of

MODELS = ("anomaly_detection", "keyword_spotting")


@pytest.mark.parametrize("name", passes.names())
@pytest.mark.parametrize("case", CASES)
def test_outputs_stay_the_same(name, case):
    rewritten = passes.find(name).run(case.graph)
    verify(rewritten)
    inputs = inputs_of(case.graph, 3)
    numpy = oracles.find("numpy")
    np.testing.assert_array_equal(numpy.run(b"", rewritten, inputs), numpy.run(b"", case.graph, inputs))


@pytest.mark.parametrize("name", passes.names())
@pytest.mark.parametrize("model", MODELS)
def test_outputs_of_real_models_stay_the_same(name, model):
    graph = frontends.find("tflite").read(zoo.tflite(model).read_bytes(), "net", "net.tflite")
    rewritten = passes.find(name).run(graph)
    verify(rewritten)
    random = np.random.default_rng(5)
    row = np.concatenate(
        [random.normal(0, 30, graph.tensors[i].elements).astype(np.float32).view(np.uint8) for i in graph.inputs]
    )[None]
    numpy = oracles.find("numpy")
    np.testing.assert_array_equal(numpy.run(b"", rewritten, row), numpy.run(b"", graph, row))


def test_shapes_that_keras_computes_fold_to_nothing():
    graph = frontends.find("tflite").read(zoo.tflite("anomaly_detection").read_bytes(), "net", "net.tflite")
    folded = passes.find("remove_unused").run(passes.find("fold_constants").run(graph))
    kept = {node.op for node in folded.nodes}
    assert {n.op for n in graph.nodes} - kept == {"shape", "strided_slice", "pack"}


@pytest.mark.parametrize("name", passes.names())
def test_its_docstring_says_what_it_buys(name):
    assert type(passes.find(name)).__doc__
