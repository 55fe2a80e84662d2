from __future__ import annotations

import numpy as np
import pytest

from edgebuild.artifacts import Interface, Port
from edgebuild.validate.ports import pack, unpack
from edgebuild.validate.vectors import dequantize, quantize, random_inputs, sample_inputs, xorshift


def port(dtype="int8", elements=4, scale=0.5, zero_point=-3, name="p"):
    return Port(name, dtype, (1, elements), elements * np.dtype(dtype).itemsize, 0, scale, zero_point)


def interface(*inputs, outputs=()):
    return Interface("m", 64, 16, inputs, tuple(outputs))


def test_xorshift_is_what_the_benchmarks_use():
    """Marsaglia's constants 13, 17, 5; the low byte of each state, first after one step."""

    def reference(state, count):
        for _ in range(count):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            yield (state & 0xFF) - ((state & 0x80) << 1)

    for seed in (1, 2, 0xFFFFFFFF):
        assert xorshift(seed, 50).tolist() == list(reference(seed, 50))
    assert xorshift(1, 4).tolist() == [33, 1, -59, 79]


def test_xorshift_refuses_the_state_that_stays():
    with pytest.raises(ValueError, match="not 0"):
        xorshift(0, 1)


def test_random_inputs_run_through_the_ports_in_order():
    made = random_inputs(interface(port(elements=3), port(elements=2)), 2)
    assert made.shape == (2, 5)
    assert made.dtype == np.uint8
    assert made[0].view(np.int8).tolist() == xorshift(1, 5).tolist()
    assert made[1].view(np.int8).tolist() == xorshift(2, 5).tolist()


def test_random_float_inputs():
    made = random_inputs(interface(port("float32", 4, 1.0, 0), port("float32", 2, 0.5, -3)), 1)
    values = xorshift(1, 6).astype(np.float32)
    assert unpack((port("float32", 4),), made[:, :16], 0)[0].tolist() == values[:4].tolist()
    assert made[0, 16:].copy().view(np.float32).tolist() == (0.5 * (values[4:] + 3)).tolist()


def test_no_vectors():
    assert random_inputs(interface(port()), 0).shape == (0, 4)


def test_quantize_rounds_half_to_even_and_clamps():
    values = np.array([[0.25, 0.75, 1000.0, -1000.0]])
    assert quantize(port(), values).tolist() == [[-3, -1, 127, -128]]
    assert quantize(port("float32"), values).tolist() == values.tolist()
    assert dequantize(port(), np.array([-3, -1], np.int8)).tolist() == [0.0, 1.0]


def test_sample_inputs_of_any_shape():
    images = np.zeros((2, 2, 2), np.float32)
    assert sample_inputs(interface(port()), [images]).view(np.int8).tolist() == [[-3] * 4] * 2


def test_pack_and_unpack():
    ports = (port("int8", 3), port("float32", 2), port("int16", 1))
    arrays = [np.array([[1, 2, 3]], np.int8), np.array([[0.5, -2.0]], np.float32), np.array([[-300]], np.int16)]
    packed = pack(ports, arrays)
    assert packed.shape == (1, 13)
    for i, array in enumerate(arrays):
        assert np.array_equal(unpack(ports, packed, i), array)
