"""Operators that are tables: every one of the 256 values, under any scales, against TFLite Micro."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import ops, oracles
from edgebuild.ops._lookup import Lookup
from tests.write_tflite import write

TABLES = [name for name in ops.names() if isinstance(ops.find(name), Lookup)]
VALUES = np.arange(256).astype(np.uint8)[None]


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=40)
@given(data=st.data())
def test_every_value(name: str, data: st.DataObject) -> None:
    case = next(ops.find(name).cases())
    source, result = (replace(t, shape=(1, 256)) for t in case.graph.tensors)
    scale = st.floats(2.0**-10, 1.0, width=32)
    zero = st.integers(-128, 127)
    assert source.quantization is not None and result.quantization is not None
    asked = replace(source.quantization, scales=(data.draw(scale),), zero_points=(data.draw(zero),))
    rules = [rule.__name__ for rule in ops.find(name).rules]
    if "same_quantization" in rules:
        given_ = asked
    elif rules == ["int8_activations"]:
        # outputs are not much finer than inputs, as no converter makes them
        factor = data.draw(st.floats(0.25, 4.0, width=32))
        given_ = replace(
            result.quantization, scales=(float(np.float32(asked.scales[0] * factor)),), zero_points=(data.draw(zero),)
        )
    else:
        given_ = result.quantization
    tensors = (replace(source, quantization=asked), replace(result, quantization=given_))
    graph = replace(case.graph, tensors=tensors)
    expected = oracles.find("tflm").run(write(graph), graph, VALUES)
    np.testing.assert_array_equal(oracles.find("numpy").run(b"", graph, VALUES), expected)
