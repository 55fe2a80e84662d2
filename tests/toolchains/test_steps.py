"""Telling operators apart in the machine code of <name>_invoke."""

from __future__ import annotations

from edgebuild.toolchains._steps import Call, calls, step_addresses

LISTING = """
21000000 <tiny_invoke>:
21000000:\tpush\t{r4, lr}
21000002:\tmov\tr4, r0
21000004:\tbl\t21000100 <tiny_a>
21000008:\tcmp\tr0, #0
2100000a:\tbeq.n\t2100000e <tiny_invoke+0xe>
2100000c:\tb.n\t2100000e <tiny_invoke+0xe>
2100000e:\tblx\t21000200 <tiny_b>
21000012:\tldmia.w\tsp!, {r4, lr}
21000016:\tb.w\t21000300 <tiny_c>
"""
SPAN = (0x21000000, 0x2100001A)
STARTS = {"tiny_a": 0x21000100, "tiny_b": 0x21000200, "tiny_c": 0x21000300, "memcpy": 0x21000400}
RETURNED = 0x1F0
FOUND = calls(LISTING, SPAN)
ALL = (0x21000008, 0x21000012, RETURNED)


def test_calls():
    expected = (Call(0x21000100, 0x21000008), Call(0x21000200, 0x21000012), Call(0x21000300, None))
    assert calls(LISTING, SPAN) == expected


def test_one_address_a_step():
    assert step_addresses(FOUND, ("tiny_a", "tiny_b", "tiny_c"), STARTS, RETURNED) == ALL


def test_calls_that_are_no_steps_are_passed_over():
    assert step_addresses(FOUND, ("tiny_a", "tiny_c"), STARTS, RETURNED) == (0x21000008, RETURNED)


def test_identical_functions_folded_into_one():
    assert step_addresses(FOUND, ("tiny_a", "tiny_b2", "tiny_c"), STARTS, RETURNED) == ALL


def test_inlined_steps_are_not_guessed():
    assert step_addresses(FOUND, ("tiny_a", "tiny_x", "tiny_b", "tiny_c"), STARTS, RETURNED) == ()


def test_nothing():
    assert calls("", SPAN) == ()
    assert step_addresses((), (), STARTS, RETURNED) == ()
