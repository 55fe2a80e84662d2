"""Judges how an emulated program ended, and puts a fault into words."""

from __future__ import annotations

import signal

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator
from edgebuild.errors import BudgetError, EdgebuildError, MismatchError, ToolError
from edgebuild.exchange import Record, Status, read_record
from edgebuild.process import Completed
from edgebuild.target.profile import Profile

_BUG = "report this as a bug, with the model if you may share it"

_CAUSES = {
    0: "instruction access violation",
    1: "data access violation",
    3: "access violation while returning from an exception",
    4: "access violation while entering an exception (stack overflow?)",
    5: "access violation while saving floating-point registers",
    8: "instruction fetch from memory that is not there",
    9: "access to memory that is not there",
    10: "access to memory that is not there (imprecise)",
    11: "bus fault while returning from an exception",
    12: "bus fault while entering an exception (stack overflow?)",
    13: "bus fault while saving floating-point registers",
    16: "undefined instruction",
    17: "invalid state (a jump to an even address?)",
    18: "invalid return from an exception",
    19: "coprocessor instruction without that coprocessor",
    20: "stack overflow",
    24: "unaligned access",
    25: "division by zero",
}
"""What each bit of CFSR says (Armv8-M Architecture Reference Manual, Configurable Fault Status Register)."""

_MMFAR_VALID, _BFAR_VALID = 1 << 7, 1 << 15


def judge(emulator: Emulator, profile: Profile, image: Image, done: Completed, record_bytes: bytes) -> Record:
    """The harness's record, if the run is one to trust.

    Raises:
        MismatchError: fault or broken guard.
        BudgetError: stack overflow.
        ToolError: anything that is not the model's doing.
    """
    place = f"{profile.name} on {emulator.label(profile)}"
    record = read_record(record_bytes)
    if record is None:
        raise _no_record(emulator, place, done)
    if record.status == Status.OK and done.status == 0:
        return record
    vector = f"vector {record.vectors + 1}"
    if _overflowed(record):
        raise BudgetError(
            place,
            f"stack overflow in {vector}: arena and static data leave {record.stack_space} bytes of RAM, too few",
            "choose a target with more RAM, or make the largest activations smaller",
            fault_lines(record, image) if record.status == Status.FAULT else (),
        )
    if record.status == Status.FAULT:
        raise MismatchError(place, f"fault in {vector}: {cause(record)}", _BUG, fault_lines(record, image))
    if record.status in (Status.GUARD_BELOW, Status.GUARD_ABOVE):
        side = "below" if record.status == Status.GUARD_BELOW else "above"
        raise MismatchError(place, f"the model wrote outside its arena in {vector}, {side} it", _BUG)
    name = Status(record.status).name.lower().replace("_", " ")
    raise ToolError(place, f"the test harness ended with status {done.status} ({name})", _BUG, _said(done))


def too_slow(emulator: Emulator, profile: Profile, seconds: float) -> ToolError:
    """The error for a run that was ended because its time was up."""
    command = emulator.program.command if emulator.program else "the program"
    return ToolError(
        f"{profile.name} on {emulator.label(profile)}",
        f"{command} did not finish within {seconds:g} s and was ended",
        "allow more time, or run fewer vectors; if it hangs with one vector, report this as a bug",
    )


def cause(record: Record) -> str:
    """What the fault registers say, in words."""
    causes = [words for bit, words in _CAUSES.items() if record.cfsr >> bit & 1]
    if record.sfsr:
        causes.append("security violation")
    text = " and ".join(causes) or "no cause given"
    if record.cfsr & _BFAR_VALID:
        text += f", address {record.bfar:#010x}"
    elif record.cfsr & _MMFAR_VALID:
        text += f", address {record.mmfar:#010x}"
    return text


def fault_lines(record: Record, image: Image) -> tuple[str, ...]:
    """The fault registers and, where the core could save them, PC and LR with the names of their functions."""
    registers = ("cfsr", "hfsr", "mmfar", "bfar", "sfsr")
    lines = [" ".join(f"{name.upper()}={getattr(record, name):#010x}" for name in registers)]
    if record.stacked:
        lines.append(f"PC={record.pc:#010x} {function_at(record.pc, image)}")
        lines.append(f"LR={record.lr:#010x} {function_at(record.lr, image)}")
    else:
        lines.append("PC and LR are lost: the stack could not take them")
    return tuple(lines)


def function_at(address: int, image: Image) -> str:
    """``in FUNCTION+0xOFFSET``, or that no function is there."""
    address &= ~1
    for name, (start, stop) in image.symbols.items():
        if start & ~1 <= address < stop & ~1:
            return f"in {name}+{address - (start & ~1):#x}"
    return "in no function"


def _overflowed(record: Record) -> bool:
    """Whether the whole stack was used and what lies below it was hit, or the core could not push any more."""
    used_up = record.stack_space > 0 and record.stack_bytes >= record.stack_space
    return used_up and record.status in (Status.GUARD_ABOVE, Status.GUARD_BELOW, Status.FAULT)


def _no_record(emulator: Emulator, place: str, done: Completed) -> EdgebuildError:
    if "Lockup" in done.stderr:
        return MismatchError(place, "the core locked up: a fault inside the fault handler", _BUG, _said(done))
    if emulator.program is None and done.status != 0:
        ended = f"with status {done.status}"
        if done.status < 0:
            ended = f"by signal {signal.Signals(-done.status).name}"
        return MismatchError(place, f"the model ended the program {ended}", _BUG, _said(done))
    command = emulator.program.command if emulator.program else "the program"
    rule = f"{command} ended with status {done.status} and no result"
    return ToolError(place, rule, "run edgebuild doctor", _said(done))


def _said(done: Completed) -> tuple[str, ...]:
    """The telling part of what the program printed: a sanitizer's finding, or else the last lines."""
    lines = (done.stderr or done.stdout).splitlines()
    for number, line in enumerate(lines):
        if "ERROR: AddressSanitizer" in line or "runtime error:" in line:
            return tuple(lines[number : number + 12])
    return tuple(lines[-20:])
