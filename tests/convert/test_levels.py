"""Weights of 16 levels are recognised whatever their steps, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgebuild.convert import _levels

WHOLE = arrays.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.integers(-8, 7))
STEPS = st.floats(1e-6, 1e3)


@given(WHOLE, st.data())
def test_steps_of_each_channel(whole: np.ndarray, data: st.DataObject) -> None:
    steps = np.array([data.draw(STEPS) for _ in whole])
    weights = (whole * steps[:, None]).astype(np.float32)
    found = _levels.of(weights)
    assert found is not None
    assert np.allclose(found.values * found.steps[:, None], weights, rtol=1e-5, atol=0)
    assert found.values.min() >= -8
    assert found.values.max() <= 7


@pytest.mark.parametrize("channel", [[8, 1], [-9, 1], [1, 2, 3.5, 8], [0.5, 7], [127, 18]])
def test_other_weights_have_none(channel: list[float]) -> None:
    assert _levels.of(np.array([channel])) is None


def test_trained_weights_have_none() -> None:
    assert _levels.of(np.random.default_rng(1).normal(size=(4, 32)).astype(np.float32)) is None


def test_what_the_converter_makes_of_even_steps_is_uneven() -> None:
    assert _levels.of(np.round(np.arange(-7, 8) * 127 / 7)[None]) is None
