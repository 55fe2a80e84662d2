"""Two runtimes side by side: units, classes, and what rounding explains."""

from __future__ import annotations

import numpy as np

from edgebuild.artifacts import Interface, Port
from edgebuild.validate.agreement import agreement, rounding_only, same_class


def interface(*dtypes: str, elements: int = 4) -> Interface:
    def port(dtype: str) -> Port:
        return Port("out", dtype, (1, elements), elements * np.dtype(dtype).itemsize, 0, 1.0, 0)

    return Interface("net", 0, 1, (), tuple(port(dtype) for dtype in dtypes))


def rows(*values: object) -> np.ndarray:
    return np.stack([np.asarray(v).view(np.uint8) for v in values])


def test_units_of_integers() -> None:
    first = rows(np.array([1, 2, 3, 4], np.int8), np.array([9, 2, 3, -128], np.int8))
    second = rows(np.array([1, 2, 3, 4], np.int8), np.array([9, 2, 3, 127], np.int8))
    found = agreement(interface("int8"), first, second, [1.0])
    assert (found.mismatched_bytes, found.units) == (1, 255.0)
    assert same_class(interface("int8"), first, second) == 0.5
    assert not rounding_only(interface("int8"), first, second)


def test_units_of_dequantized_floats() -> None:
    first, second = (rows(np.array([0.25, 0.5, x, 0], np.float32)) for x in (0.125, 0.25))
    found = agreement(interface("float32"), first, second, [1 / 256])
    assert found.units == 32.0 and found.mismatched_bytes > 0
    assert not rounding_only(interface("float32"), first, second)


def test_units_of_real_floats_are_of_their_span() -> None:
    first, second = (rows(np.array([0, 128.0, 256.0, x], np.float32)) for x in (64.0, 65.0))
    assert agreement(interface("float32"), first, second, [0.0]).units == 1.0


def test_rounding() -> None:
    first = rows(np.array([1.0, 100.0, 3.0, 4.0], np.float32))
    second = rows(np.array([1.0, 100.0005, 3.0, 4.0], np.float32))
    assert rounding_only(interface("float32"), first, second)


def test_several_outputs() -> None:
    both = interface("int8", "float32")
    first = np.concatenate([rows(np.array([1, 2, 3, 4], np.int8)), rows(np.zeros(4, np.float32))], axis=1)
    second = np.concatenate([rows(np.array([1, 2, 3, 7], np.int8)), rows(np.zeros(4, np.float32))], axis=1)
    assert agreement(both, first, second, [1.0, 0.0]).units == 3.0
    assert not rounding_only(both, first, second) and rounding_only(both, first, first)
