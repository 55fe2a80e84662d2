from __future__ import annotations

import numpy as np
import pytest

from edgebuild.artifacts import Run, Vectors
from edgebuild.validate.accuracy import accuracy, classes
from edgebuild.validate.compare import compare
from tests.validate.test_vectors import interface, port


def run(outputs):
    return Run(outputs, None, None, (), ())


def int8(rows):
    return np.array(rows, np.int8).view(np.uint8)


TWO = interface(outputs=(port(elements=2, name="a"), port(elements=3, name="b")))


def test_equal():
    outputs = int8([[1, 2, 3, 4, 5]] * 4)
    verdict = compare(TWO, Vectors(outputs, outputs.copy(), "tflm"), run(outputs))
    assert (verdict.vectors, verdict.mismatched_bytes, verdict.oracle) == (4, 0, "tflm")
    assert verdict.first_difference is None


def test_first_difference():
    expected = int8([[1, 2, 3, 4, 5]] * 3)
    outputs = expected.copy()
    outputs[1, 3] = 0x80
    outputs[2, 0] = 9
    verdict = compare(TWO, Vectors(expected, expected, "tflm"), run(outputs))
    assert verdict.mismatched_bytes == 2
    assert verdict.first_difference == "vector 2, output 'b', element 1: expected 4, got -128"


def test_floats_are_compared_by_their_bytes():
    floats = interface(outputs=(port("float32", 2, name="y"),))
    expected = np.array([[np.nan, 0.0]], np.float32).view(np.uint8)
    same = expected.copy()
    assert compare(floats, Vectors(expected, expected, "litert"), run(same)).mismatched_bytes == 0
    other = np.array([[np.nan, -0.0]], np.float32).view(np.uint8)
    verdict = compare(floats, Vectors(expected, expected, "litert"), run(other))
    assert verdict.first_difference == "vector 1, output 'y', element 1: expected 0.0, got -0.0"


@pytest.mark.parametrize("expected", [None, int8([[1, 2, 3, 4, 5]])])
def test_nothing_to_compare_with(expected):
    outputs = int8([[1, 2, 3, 4, 5]] * 2)
    with pytest.raises(ValueError, match="expected outputs"):
        compare(TWO, Vectors(outputs, expected, "tflm"), run(outputs))


def test_accuracy_int8():
    one = interface(outputs=(port(elements=3),))
    outputs = int8([[-5, -1, -9], [7, 7, 1], [0, 1, 2], [-128, -128, -128]])
    assert classes(one, outputs).tolist() == [1, 0, 2, 0]
    assert accuracy(one, outputs, np.array([1, 1, 2, 0])) == 0.75
    assert accuracy(one, outputs, np.array([[1], [0], [2], [0]])) == 1.0
    assert accuracy(one, outputs, np.eye(3)[[1, 0, 0, 0]]) == 0.75


def test_accuracy_float():
    one = interface(outputs=(port("float32", 2),))
    outputs = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32).view(np.uint8)
    assert accuracy(one, outputs, np.array([1, 1])) == 0.5


def test_one_output_is_a_yes_or_no():
    one = interface(outputs=(port(elements=1, scale=1 / 256, zero_point=-128),))
    assert classes(one, int8([[-128], [-1], [0], [127]])).tolist() == [0, 0, 1, 1]
    floats = interface(outputs=(port("float32", 1, 1.0, 0),))
    assert classes(floats, np.array([[0.49], [0.5]], np.float32).view(np.uint8)).tolist() == [0, 1]


def test_labels_must_match():
    one = interface(outputs=(port(elements=3),))
    with pytest.raises(ValueError, match="2 labels for 1 outputs"):
        accuracy(one, int8([[1, 2, 3]]), np.array([1, 2]))
