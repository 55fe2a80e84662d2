"""How near an output may come to the operand that dies in its node."""

from __future__ import annotations

from edgebuild.ops import Rows


def forward_distance(rows: Rows, height: int) -> int:
    """Bytes by which the output must begin before the operand, when rows are made in order.

    After output row ``r`` is written, the operand is still needed from row ``r * stride - before`` on
    (a kernel may read and write within a row in any order).  Where each element is read before the
    one at its place is written (``in_place``), it is needed from the next row on.

    The monotone distance is meant: this much *or more* is safe.  May be negative: then the output
    may even begin inside the operand.
    """
    if rows.in_place:
        steps = {0, height - 1}
        return max(((r + 1) * (rows.output_row - rows.input_row) for r in steps), default=0)
    return max(
        ((r + 1) * rows.output_row - max(0, r * rows.stride - rows.before) * rows.input_row for r in range(height)),
        default=0,
    )
