"""The files that pass between edgebuild and its test harness, defined once.

The harness's C is rendered from these definitions, and the record it leaves is read with them:

- *inputs*: a header (:data:`INPUTS_MAGIC`, count, bytes of a vector; three little-endian 32-bit words), then
  the vectors, each the model's inputs one after another;
- *outputs*: the vectors' outputs, the same way, without a header;
- *record*: what happened, one little-endian 32-bit word a field of :class:`Record`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntEnum

INPUTS_MAGIC = 0x49564245
"""First word of an inputs file: ``EBVI``."""

RECORD_MAGIC = 0x52564245
"""First word of a record: ``EBVR``."""

INPUTS_FILE = "inputs.bin"
OUTPUTS_FILE = "outputs.bin"
RECORD_FILE = "record.bin"

RETURNED_MARK = "harness_returned"
"""The instruction at which ``<name>_invoke`` comes back to the harness."""


class Status(IntEnum):
    """How the harness ended; also the exit status of the program, never renumbered."""

    OK = 0
    UNFINISHED = 1
    GUARD_BELOW = 2
    GUARD_ABOVE = 3
    BAD_INPUTS = 4
    IO_ERROR = 5
    FAULT = 6


@dataclass(frozen=True)
class Record:
    """What the harness writes when it ends.

    Attributes:
        vectors: inferences that were completed.
        stack_bytes: peak of the model's stack; 0xffffffff where it is not measured.
        stack_space: bytes that the model's stack had.
        cfsr … xpsr: fault registers, as Arm names them, and the stacked PC, LR and xPSR; 0 if no fault.
        stacked: 1 if the core could save PC, LR and xPSR.
    """

    magic: int
    status: int
    vectors: int
    input_bytes: int
    output_bytes: int
    stack_bytes: int
    stack_space: int
    cfsr: int
    hfsr: int
    mmfar: int
    bfar: int
    sfsr: int
    stacked: int
    pc: int
    lr: int
    xpsr: int


RECORD_FIELDS = tuple(field.name for field in fields(Record))
NOT_MEASURED = 0xFFFFFFFF


def inputs_header(count: int, input_bytes: int) -> bytes:
    """The header of an inputs file with ``count`` vectors of ``input_bytes`` each."""
    return struct.pack("<3I", INPUTS_MAGIC, count, input_bytes)


def read_record(content: bytes) -> Record | None:
    """The record in ``content``; None if the harness did not come to write one."""
    if len(content) != 4 * len(RECORD_FIELDS):
        return None
    record = Record(*struct.unpack(f"<{len(RECORD_FIELDS)}I", content))
    return record if record.magic == RECORD_MAGIC else None
