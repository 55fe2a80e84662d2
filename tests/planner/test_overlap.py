"""The distance at which an output may overlap its operand, against a brute force over bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild.ir.arithmetic import output_extent, padding_before
from edgebuild.ops import Rows
from edgebuild.planner._overlap import forward_distance


def survives(rows: Rows, height: int, input_rows: int, distance: int) -> bool:
    """Whether rows made in order only ever read bytes that nobody has overwritten."""
    base = 1 + max(0, -distance) + height * rows.output_row
    memory = np.full(2 * base + input_rows * rows.input_row + abs(distance), -1)
    source = base + max(distance, 0)
    begin = source - distance
    memory[source : source + input_rows * rows.input_row] = np.arange(input_rows * rows.input_row)
    for row in range(height):
        first = max(0, row * rows.stride - rows.before)
        last = min(input_rows, row * rows.stride - rows.before + rows.reach)
        # in the worst order a whole output row is written before the window is read
        memory[begin + row * rows.output_row : begin + (row + 1) * rows.output_row] = -2
        wanted = np.arange(first * rows.input_row, max(first, last) * rows.input_row)
        if not np.array_equal(memory[source + wanted], wanted):
            return False
    return True


@settings(max_examples=300, deadline=None)
@given(
    size=st.integers(1, 9),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["SAME", "VALID"]),
    input_row=st.integers(1, 12),
    output_row=st.integers(1, 12),
)
def test_the_distance_is_safe_and_one_byte_less_is_not(size, kernel, stride, padding, input_row, output_row):
    height = output_extent(padding, size, kernel, stride)
    if height < 1:
        return
    before = padding_before(size, height, kernel, stride)
    rows = Rows(stride, before, kernel, input_row, output_row)
    distance = forward_distance(rows, height)
    assert survives(rows, height, size, distance)
    assert survives(rows, height, size, distance + 5)
    # a window that begins below the image reads nothing, and then nothing can be destroyed
    reads_to_the_end = (height - 1) * stride - before < size
    if reads_to_the_end and distance > -(size * input_row):
        assert not survives(rows, height, size, distance - 1)


def test_element_wise_is_in_place():
    assert forward_distance(Rows(1, 0, 1, 1, 1, in_place=True), 100) == 0
    assert forward_distance(Rows(1, 0, 1, 4, 1, in_place=True), 100) <= 0
