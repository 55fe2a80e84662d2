"""Estimated cycles, against programs counted by hand with the manuals' tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import cycles
from benchmarks.cycles import Block, Instruction
from edgebuild.target.load import load
from tests.emulators import tiny

LISTING = """\
00000100 <f>:
 100:\tmovs\tr1, #5
 102:\tldr\tr2, [r0, #0]
 104:\tldrb.w\tr3, [r0, r4]
 108:\tstrne\tr2, [r0, #0]
 10a:\tstr\tr2, [r0, r4]
 10c:\tsmlad\tr2, r3, r4, r5
 110:\tbne.n\t102 <f+0x2>
 112:\tldmia.w\tr0!, {r4, r5, r6, sl}
 116:\tudiv\tr1, r2, r3
 11a:\tldrd\tr2, r3, [r0, #8]
 11e:\tpop\t{r4, r5, pc}
 120:\t.word\t0x20000000
"""


def test_every_class_has_the_manuals_cycles() -> None:
    code = cycles.instructions(LISTING)
    table = cycles.TABLES["cortex-m4"]
    body = tuple(address for address in sorted(code) if address <= 0x110)
    tail = tuple(address for address in sorted(code) if 0x110 < address < 0x120)
    each = [cycles.cost(code[a], code.get(b), table) for b, a in zip((0, *body), body, strict=False)]
    # a load after a load, and a store at a register's offset after a store
    assert each == [1, 2, 1, 1, 2, 1, 1]
    assert [cycles.cost(code[address], None, table) for address in tail] == [1 + 4, 12, 3, 1 + 3]
    blocks = (Block(1, 1, body), Block(4, 3, body[1:]), Block(1, 1, tail))
    assert cycles.total(blocks, code, table) == (9 + 2) + (4 * 8 + 3 * 2) + (24 + 2)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("bls.n", "b"),
        ("bl", "bl"),
        ("blt", "b"),
        ("bics", "bics"),
        ("ldrsbne", "ldrsb"),
        ("strh", "strh"),
        ("bxeq", "bx"),
    ]
    + [("ldrd", "ldrd"), ("vmul.f32", "vmul"), ("vcvt.s32.f32", "vcvt"), ("subs.w", "subs"), ("strhi", "str")],
)
def test_conditions_and_widths_are_left_off(written: str, plain: str) -> None:
    assert list(cycles.instructions(f" 10:\t{written}\tr0\n").values()) == [Instruction(plain, "r0")]


PROGRAM = """\
#include "tiny.h"
__attribute__((naked)) void tiny_invoke(void *arena)
{
    (void)arena;
    __asm__ volatile(
        ".syntax unified\\n\\t"
        "movs r1, #5\\n"
        "1: ldr r2, [r0]\\n\\t"
        "ldr r3, [r0, #4]\\n\\t"
        "adds r2, r2, r3\\n\\t"
        "str r2, [r0]\\n\\t"
        "subs r1, #1\\n\\t"
        "bne 1b\\n\\t"
        "bx lr");
}
"""

BY_HAND = {
    # 1; five rounds of 2 + 1 after a load + 1 + 1 + 1 + 1; four taken branches of 2 more; 1 + 2 to return
    "cortex-m4": 1 + 5 * 7 + 4 * 2 + 3,
    "cortex-m3": 1 + 5 * 7 + 4 * 2 + 3,
    # nothing is pipelined: 2 + 2 + 1 + 2 + 1 + 1; a taken branch takes 2, and BX 2
    "cortex-m0plus": 1 + 5 * 9 + 4 * 1 + 2,
}


@pytest.mark.qemu
@pytest.mark.parametrize("core", BY_HAND)
def test_a_loop_counted_by_hand(core: str, tmp_path: Path) -> None:
    profile = load(core)
    image = tiny.build(profile, tmp_path, tiny.sources(invoke=PROGRAM))
    blocks = cycles.histogram(profile, image, tiny.vectors(1), tmp_path / "run")
    assert sum(block.executed * len(block.addresses) for block in blocks) == 1 + 5 * 6 + 1
    assert sum(block.taken for block in blocks) == 4 + 1
    assert cycles.estimate(profile, image, tiny.vectors(1), tmp_path / "run") == BY_HAND[core]


def test_a_core_without_a_published_table_has_no_estimate(tmp_path: Path) -> None:
    assert cycles.estimate(load("cortex-m7"), None, tiny.vectors(1), tmp_path) is None
