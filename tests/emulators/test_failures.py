"""Every way a run can go wrong, each with its error, its exit code and its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgebuild import emulators
from edgebuild.artifacts import Vectors
from edgebuild.emulators._count import plugin_api
from edgebuild.emulators._outcome import cause
from edgebuild.errors import BudgetError, ExitCode, MismatchError, ToolError
from edgebuild.exchange import RECORD_FIELDS, Record, Status
from tests.emulators import tiny

pytestmark = pytest.mark.qemu


def add(body: str) -> str:
    return f'#include "tiny_steps.h"\nvoid tiny_add(int8_t *arena)\n{{\n    (void)arena;\n    {body}\n}}\n'


def fail(profile, folder, body, error, timeout=20):
    image = tiny.build(profile, folder, tiny.sources(add=add(body)))
    with pytest.raises(error) as caught:
        emulators.run(profile, image, tiny.vectors(2), folder / "run", timeout, count=False)
    return caught.value


ARCHITECTURES = ("cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m55")

FAULTS = {
    "a null pointer": (
        "*(volatile int32_t *)(uintptr_t)(arena[1] & 0) = 1;",
        "fault in vector 1: data access violation, address 0x00000000",
    ),
    "a constant": (
        "*(volatile int8_t *)(uintptr_t)tiny_weights = 1;",
        "fault in vector 1: data access violation, address ",
    ),
    "a jump into nothing": (
        "((void (*)(void))(uintptr_t)0xf0000001)();",
        "fault in vector 1: instruction access violation",
    ),
    "an undefined instruction": ('__asm__ volatile("udf #1");', "fault in vector 1: undefined instruction"),
}


@pytest.mark.parametrize("core", ARCHITECTURES)
@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_decoded(core, small, tmp_path, what):
    body, words = FAULTS[what]
    error = fail(small(core), tmp_path, body, MismatchError)
    assert error.exit_code == ExitCode.MISMATCH
    assert error.place.startswith("small on mps")
    assert error.rule.startswith(words)
    assert error.details[0].startswith("CFSR=0x000")
    if what != "a jump into nothing":
        assert "in tiny_add+0x" in error.details[1]
        assert "in tiny_invoke+0x" in error.details[2]


def test_memory_that_is_not_there(small, tmp_path):
    error = fail(small("cortex-m4"), tmp_path, "*(volatile int32_t *)0xa8000000 = 1;", MismatchError)
    assert str(error).splitlines() == [
        "small on mps2-an386 (cortex-m4): fault in vector 1: access to memory that is not there, address 0xa8000000",
        "  CFSR=0x00008200 HFSR=0x40000000 MMFAR=0x00000000 BFAR=0xa8000000 SFSR=0x00000000",
        "  PC=0x2100001e in tiny_add+0x6",
        "  LR=0x21000009 in tiny_invoke+0x8",
        "  remedy: report this as a bug, with the model if you may share it",
    ]


def test_an_unaligned_access_faults_on_m0plus_as_on_the_real_core(small, tmp_path):
    error = fail(small("cortex-m0plus"), tmp_path, "*(volatile int16_t *)(arena + 1) = 1;", MismatchError)
    assert error.rule == "fault in vector 1: unaligned access"


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m55"])
@pytest.mark.parametrize(("body", "side"), [("arena[24] = 1;", "above"), ("arena[-1] = 1;", "below")])
def test_guard_words(core, small, tmp_path, body, side):
    error = fail(small(core), tmp_path, body, MismatchError)
    assert error.rule == f"the model wrote outside its arena in vector 1, {side} it"


OVERFLOW = """
    volatile int8_t large[5000];
    for (int i = 4999; i >= 0; i--) {
        large[i] = arena[i & 7];
    }
    arena[0] = large[7];
"""


@pytest.mark.parametrize("core", ARCHITECTURES)
def test_the_stack_overflows(core, small, tmp_path):
    error = fail(small(core), tmp_path, OVERFLOW, BudgetError)
    assert error.exit_code == ExitCode.BUDGET
    assert error.rule == "stack overflow in vector 1: arena and static data leave 4072 bytes of RAM, too few"


def test_the_stack_overflows_a_little(small, tmp_path):
    """Not past the guard above the arena: the guard notices, and it is known to be the stack."""
    body = OVERFLOW.replace("5000", "4072").replace("4999", "4071")
    error = fail(small("cortex-m4"), tmp_path, body, BudgetError)
    assert error.rule.startswith("stack overflow in vector 1")


def test_a_model_that_never_ends(small, tmp_path):
    profile = small("cortex-m4")
    error = fail(profile, tmp_path, "for (volatile int i = 0;;) { i = i + 1; }", ToolError, timeout=2)
    assert error.exit_code == ExitCode.TOOL
    assert str(error).splitlines() == [
        "small on mps2-an386 (cortex-m4): qemu-system-arm did not finish within 2 s and was ended",
        "  remedy: allow more time, or run fewer vectors; if it hangs with one vector, report this as a bug",
    ]


def test_qemu_missing(m4, tmp_path, monkeypatch):
    profile, image = m4
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        emulators.run(profile, image, tiny.vectors(1), tmp_path, 20)
    assert str(caught.value).splitlines() == [
        "qemu-system-arm: not found; needed for running the model on an emulated Cortex-M",
        "  remedy: apt-get install qemu-system-arm",
    ]


def test_host_compiler_missing(m4, tmp_path, monkeypatch):
    """Then nothing is counted; everything else is still proven."""
    from edgebuild.emulators import _count

    monkeypatch.setattr(_count, "_COMPILER", replace(_count._COMPILER, command="no-such-cc"))
    profile, image = m4
    run = emulators.run(profile, image, tiny.vectors(1), tmp_path, 20)
    assert run.instructions is None
    assert run.per_step == ()
    assert run.warnings == (
        "instructions were not counted: no-such-cc: not found; needed for compiling the instruction counter; "
        "apt-get install gcc libc6-dev",
    )


def test_qemu_without_plugins(m4, tmp_path, monkeypatch):
    """A QEMU that was built without them refuses the option."""
    from edgebuild.emulators.qemu_system import QemuSystem

    original = QemuSystem.argv

    def argv(self, profile, image, arguments, plugin):
        line = original(self, profile, image, arguments, plugin)
        return [word.replace("-plugin", "-no-such-option") for word in line]

    monkeypatch.setattr(QemuSystem, "argv", argv)
    profile, image = m4
    run = emulators.run(profile, image, tiny.vectors(1), tmp_path, 20)
    assert run.instructions is None
    assert run.warnings[0].startswith("instructions were not counted: cortex-m4 on mps2-an386 (cortex-m4): ")


def test_qemu_that_fails_by_itself(m4, tmp_path):
    profile, image = m4
    broken = replace(profile, emulation=replace(profile.emulation, machine="no-such-machine"))
    with pytest.raises(ToolError) as caught:
        emulators.run(broken, image, tiny.vectors(1), tmp_path, 20)
    assert caught.value.rule == "qemu-system-arm ended with status 1 and no result"
    assert "unsupported machine type" in caught.value.details[0]


def test_vectors_of_another_model(m4, tmp_path):
    profile, image = m4
    wrong = Vectors(tiny.vectors(2).inputs[:, :4], None, "numpy")
    with pytest.raises(ToolError) as caught:
        emulators.run(profile, image, wrong, tmp_path, 20)
    assert caught.value.rule == "the test harness ended with status 4 (bad inputs)"


def test_exit_statuses_are_pinned():
    assert {status.name: status.value for status in Status} == {
        "OK": 0, "UNFINISHED": 1, "GUARD_BELOW": 2, "GUARD_ABOVE": 3, "BAD_INPUTS": 4, "IO_ERROR": 5, "FAULT": 6,
    }  # fmt: skip


def test_causes():
    def record(**fields):
        return Record(**(dict.fromkeys(RECORD_FIELDS, 0) | fields))

    assert cause(record(cfsr=1 << 25)) == "division by zero"
    assert cause(record(cfsr=1 << 20)) == "stack overflow"
    assert cause(record(sfsr=8)) == "security violation"
    assert cause(record()) == "no cause given"


@pytest.mark.parametrize(
    ("text", "api"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", 1),
        ("QEMU emulator version 8.2.2 (Debian)", 1),
        ("QEMU emulator version 9.0.0", 2),
        ("QEMU emulator version 10.1.0", 2),
    ],
)
def test_plugin_interface_of_each_qemu(text, api):
    assert plugin_api(text) == api
