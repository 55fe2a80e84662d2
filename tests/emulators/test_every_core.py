"""Real QEMU runs: boot, bytes, stack, guards and exact instruction counts on every core."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from edgebuild import emulators, exchange
from edgebuild.emulators._count import plugin_api
from edgebuild.target.load import load
from tests.emulators import tiny

pytestmark = pytest.mark.qemu

NEW_QEMU = plugin_api(subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True).stdout) > 1
SINGLE_STEPS = ("-accel", "tcg,one-insn-per-tb=on") if NEW_QEMU else ("-singlestep",)
FILES = (exchange.INPUTS_FILE, exchange.OUTPUTS_FILE, exchange.RECORD_FILE)


def trace(profile, image, folder):
    """Addresses of all executed instructions of one vector: QEMU's own trace of single steps, without a plugin."""
    argv = emulators.find("qemu_system").argv(profile, image, FILES, None)
    log = folder / "trace.log"
    subprocess.run([*argv, *SINGLE_STEPS, "-d", "exec,nochain", "-D", str(log)], cwd=folder, check=True)
    executed = [int(found[1], 16) for found in re.finditer(r"\[[0-9a-f]+/([0-9a-f]+)/", log.read_text())]
    begin = executed.index(image.invoke[0])
    return executed[begin : executed.index(image.symbols[exchange.RETURNED_MARK][0], begin)]


def test_bytes_stack_and_instructions(core, small, tmp_path, plugins):
    """The instruction counter agrees with the trace to the digit, in all and step by step."""
    profile = small(core)
    image = tiny.build(profile, tmp_path)
    vectors = tiny.vectors(5)
    run = emulators.run(profile, image, vectors, tmp_path / "run", 20, cache=plugins)

    assert np.array_equal(run.outputs, vectors.expected)
    assert run.warnings == ()
    assert 64 <= run.stack_bytes <= 160
    executed = trace(profile, image, tmp_path / "run" / "count")
    assert run.instructions == len(executed) == sum(run.per_step)
    first, second = (executed.index(address) for address in image.step_addresses[:2])
    assert run.per_step == (first, second - first, len(executed) - second)


PREDICATED = """\
#include "tiny_steps.h"
void tiny_add(int8_t *arena)
{
    __asm__ volatile(
        ".syntax unified\\n\\t"
        "movs r0, #3\\n"
        "1: subs r0, #1\\n\\t"
        "itte ne\\n\\t"
        "ldrbne r2, [%0]\\n\\t"
        "strbne r2, [%0]\\n\\t"
        "moveq r2, #1\\n\\t"
        "bne 1b" ::"r"(arena) : "r0", "r2", "cc", "memory");
}
"""

LOW_OVERHEAD = """\
#include "tiny_steps.h"
void tiny_add(int8_t *arena)
{
    __asm__ volatile(
        ".syntax unified\\n\\t"
        "movs r2, #21\\n\\t"
        "dlstp.8 lr, r2\\n"
        "1: vldrb.u8 q0, [%0]\\n\\t"
        "vadd.i8 q0, q0, q0\\n\\t"
        "vstrb.8 q0, [%0]\\n\\t"
        "letp lr, 1b" ::"r"(arena) : "r2", "lr", "cc", "memory", "q0");
}
"""


@pytest.mark.parametrize(
    ("core", "add"),
    [("cortex-m4", PREDICATED), ("cortex-m33", PREDICATED), ("cortex-m55", PREDICATED), ("cortex-m55", LOW_OVERHEAD)],
)
def test_predicated_instructions_and_hardware_loops_are_counted_exactly(core, add, small, tmp_path, plugins):
    profile = small(core)
    image = tiny.build(profile, tmp_path, tiny.sources(add=add))
    run = emulators.run(profile, image, tiny.vectors(1), tmp_path / "run", 20, cache=plugins)
    assert run.instructions == len(trace(profile, image, tmp_path / "run" / "count"))


@pytest.mark.parametrize("board", ["corstone-300", "pico2", "stm32f746g-disco", "raspberry-pi-pico"])
def test_boards_run(board, tmp_path):
    profile = load(board)
    image = tiny.build(profile, tmp_path)
    vectors = tiny.vectors(1)
    run = emulators.run(profile, image, vectors, tmp_path / "run", 20, count=False)
    assert np.array_equal(run.outputs, vectors.expected)
    assert run.instructions is None


LOOP = """\
#include "tiny_steps.h"
void tiny_add(int8_t *arena)
{
    (void)arena;
    __asm__ volatile(
        ".syntax unified\\n\\t"
        "movs r0, #100\\n"
        "1: subs r0, #1\\n\\t"
        "bne 1b" ::: "r0", "cc");
}
"""


def test_a_loop_counted_by_hand(core, small, tmp_path, plugins):
    """The step is movs, 100 x (subs, bne) and bx lr: 202 instructions, besides push and bl before it."""
    profile = small(core)
    image = tiny.build(profile, tmp_path, tiny.sources(add=LOOP))
    run = emulators.run(profile, image, tiny.vectors(1), tmp_path / "run", 20, cache=plugins)
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "-d", f"--start-address={image.invoke[0]}", f"--stop-address={image.invoke[1]}",
         image.elf],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    before = [line for line in listing.splitlines() if re.match(r"\s*[0-9a-f]+:\s", line)]
    prologue = next(i for i, line in enumerate(before) if "tiny_add" in line) + 1
    assert run.per_step[0] == prologue + 202


TIMED = """\
#include "tiny.h"
#include "tiny_steps.h"
#define TIMER(offset) (*(volatile uint32_t *)(0x40000000u + (offset)))
static uint32_t start;
void tiny_invoke(void *arena)
{
    TIMER(8u) = 0xffffffffu; /* reload */
    TIMER(4u) = 0xffffffffu; /* value */
    TIMER(0u) = 1u;
    start = TIMER(4u);
    for (int i = 0; i < 20; i++) {
        tiny_divide(arena);
    }
    ((uint32_t *)arena)[4] = start - TIMER(4u);
}
"""


def test_a_timer_counts_the_same(small, tmp_path, plugins):
    """With -icount an instruction takes 64 ns, so a 25 MHz timer of the machine is a second opinion."""
    profile = small("cortex-m4")
    image = tiny.build(profile, tmp_path, tiny.sources(invoke=TIMED))
    vectors = tiny.vectors(1)
    run = emulators.run(profile, image, vectors, tmp_path / "run", 20, cache=plugins)
    assert run.per_step == ()
    assert run.warnings == ("operators were not counted one by one: their calls were not found in the code",)
    argv = emulators.find("qemu_system").argv(profile, image, FILES, None)
    subprocess.run([*argv, "-icount", "shift=6,sleep=off"], cwd=tmp_path / "run", check=True)
    ticks = int.from_bytes((tmp_path / "run" / exchange.OUTPUTS_FILE).read_bytes()[:4], "little")
    by_timer = ticks * 40 / 64
    assert run.instructions > 2000
    assert abs(run.instructions - by_timer) < 40


def test_many_vectors_stream_through(m4, tmp_path):
    profile, image = m4
    vectors = tiny.vectors(500)
    run = emulators.run(profile, image, vectors, tmp_path, 20, count=False)
    assert np.array_equal(run.outputs, vectors.expected)


STATIC = """\
#include <string.h>
#include "tiny_steps.h"
static int8_t table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static int8_t zeros[100];
void tiny_copy(int8_t *arena)
{
    for (int i = 0; i < 8; i++) {
        zeros[i + 7] = (int8_t)(zeros[i] + table[i]);
        table[i] = (int8_t)(table[i] + 1);
        arena[16 + i] = table[i];
    }
}
"""


def test_static_data_is_initialised_and_counted(small, tmp_path):
    profile = small("cortex-m0plus")
    image = tiny.build(profile, tmp_path, tiny.sources(copy=STATIC))
    assert image.static_bytes == 8 + 100
    run = emulators.run(profile, image, tiny.vectors(2), tmp_path / "run", 20, count=False)
    assert run.outputs.tolist() == [[2, 3, 4, 5, 6, 7, 8, 9], [3, 4, 5, 6, 7, 8, 9, 10]]


NEEDS_ZERO = """\
#include "tiny_steps.h"
void tiny_copy(int8_t *arena)
{
    for (int i = 0; i < 8; i++) {
        arena[16 + i] = arena[8 + i];
    }
}
"""


def test_the_arena_is_full_of_noise(m4, small, tmp_path):
    """A model that reads what it never wrote gets something else in every vector."""
    profile = small("cortex-m4")
    image = tiny.build(profile, tmp_path, tiny.sources(copy=NEEDS_ZERO))
    run = emulators.run(profile, image, tiny.vectors(3), tmp_path / "run", 20, count=False)
    assert len(np.unique(run.outputs, axis=0)) == 3
    assert np.count_nonzero(run.outputs) > 12
