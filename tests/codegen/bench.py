"""One C program that runs many generated models, each on an arena of exactly its size."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebuild import kernels, planner
from edgebuild.artifacts import Interface, Sources
from edgebuild.codegen.project import generate
from edgebuild.ir.graph import Graph

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")


@dataclass(frozen=True, eq=False)
class Entry:
    """A generated model and the inputs it is fed: ``(count, bytes)`` uint8."""

    sources: Sources
    inputs: np.ndarray


def entry(graph: Graph, name: str, inputs: np.ndarray, selection: kernels.Selection | None = None) -> Entry:
    """``graph`` generated under ``name``, with portable kernels or those of ``selection``."""
    graph = replace(graph, name=name)
    chosen = kernels.select(graph, frozenset()) if selection is None else selection
    return Entry(generate(graph, planner.plan(graph, chosen), chosen), inputs)


def write(entries: Sequence[Entry], folder: Path) -> Path:
    """One translation unit that includes every model, and a main; its path."""
    lines = ["#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>"]
    for one in entries:
        for file in one.sources.files:
            (folder / file.path).write_bytes(file.content)
        lines += [f'#include "{unit}"' for unit in one.sources.units]
    lines += ["struct port { size_t offset, bytes; };"]
    rows = []
    for one in entries:
        face = one.sources.interface
        for kind in ("inputs", "outputs"):
            ports = ", ".join(f"{{{starts(face)[p.area] + p.offset}, {p.bytes}}}" for p in getattr(face, kind))
            lines.append(f"static const struct port {face.name}_{kind}[] = {{{ports}}};")
        if face.spread:
            lines += _pieces(face)
        elif face.pushed:
            lines += _feeder(face)
        feed = f"{face.name}_feed" if face.pushed else "NULL"
        how = "pieces" if face.spread else "invoke"
        rows.append(
            f"{{{face.name}_{how}, {feed}, {starts(face)[-1]}, {len(face.inputs)}, {face.name}_inputs, "
            f"{len(face.outputs)}, {face.name}_outputs, {len(one.inputs)}}}"
        )
    lines += [
        "static const struct { void (*invoke)(void *); int (*feed)(void *, FILE *); size_t arena; int ins;",
        "                      const struct port *in; int outs; const struct port *out; int vectors; } models[] = {",
        *(f"    {row}," for row in rows),
        "};",
        "int main(int argc, char **argv)",
        "{",
        '    FILE *source = fopen(argv[1], "rb"), *result = fopen(argv[2], "wb");',
        "    for (size_t m = 0; argc > 2 && m < sizeof models / sizeof models[0]; m++) {",
        "        for (int v = 0; v < models[m].vectors; v++) {",
        "            unsigned char *arena = aligned_alloc(16, (models[m].arena + 15) / 16 * 16);",
        "            arena = realloc(arena, models[m].arena);",
        "            memset(arena, 0xa5, models[m].arena);",
        "            if (models[m].feed != NULL && models[m].feed(arena, source) != 0) return 2;",
        "            for (int i = 0; models[m].feed == NULL && i < models[m].ins; i++)",
        "                if (fread(arena + models[m].in[i].offset, 1, models[m].in[i].bytes, source) !=",
        "                    models[m].in[i].bytes) return 2;",
        "            models[m].invoke(arena);",
        "            for (int i = 0; i < models[m].outs; i++)",
        "                fwrite(arena + models[m].out[i].offset, 1, models[m].out[i].bytes, result);",
        "            free(arena);",
        "        }",
        "    }",
        "    return fclose(result);",
        "}",
    ]
    main = folder / "main.c"
    main.write_text("\n".join(lines) + "\n")
    return main


GAP = 32
"""Bytes between the pieces of an arena, which must stay as they were."""


def starts(face: Interface) -> list[int]:
    """Where each piece of the arena begins in one buffer, with gaps between them; and where the last one ends."""
    found = [0]
    for area in face.areas[:-1]:
        found.append((found[-1] + area.bytes + GAP + 15) // 16 * 16)
    return [*found, found[-1] + (face.areas[-1].bytes if face.areas else face.arena_bytes)]


def _pieces(face: Interface) -> list[str]:
    """A function that takes one buffer for an arena in pieces, and exits when a gap has changed."""
    places = starts(face)
    checks = [
        f"    for (int i = 0; i < {GAP}; i++)\n"
        f"        if (((unsigned char *)arena)[{start + area.bytes} + i] != 0xa5) exit(3);"
        for start, area in zip(places[:-2], face.areas[:-1], strict=True)
    ]
    fields = ", ".join(
        f".{area.name.lower()} = (int8_t *)arena + {at}" for area, at in zip(face.areas, places[:-1], strict=True)
    )
    return [
        f"static void {face.name}_pieces(void *arena)",
        "{",
        f"    const struct {face.name}_arenas pieces = {{{fields}}};",
        f"    {face.name}_invoke(&pieces);",
        *checks,
        "}",
    ]


def _feeder(face: Interface) -> list[str]:
    """A function that pushes every row of the input, each from memory of exactly its size."""
    bytes_ = face.inputs[0].bytes // face.pushed
    return [
        f"static int {face.name}_feed(void *arena, FILE *source)",
        "{",
        f"    signed char *row = malloc({bytes_});",
        f"    {face.name}_begin(arena);",
        f"    for (int i = 0; i < {face.pushed}; i++) {{",
        f"        if (fread(row, 1, {bytes_}, source) != {bytes_}) return 2;",
        f"        {face.name}_push(arena, row);",
        "    }",
        f"    {face.name}_push(arena, row); /* one too many is ignored */",
        "    free(row);",
        "    return 0;",
        "}",
    ]


def run(entries: Sequence[Entry], folder: Path, flags: Sequence[str], compiler: str = "gcc") -> list[np.ndarray]:
    """Outputs of every entry, ``(count, bytes)`` uint8, from a program compiled with ``flags``."""
    main = write(entries, folder)
    subprocess.run([compiler, *WARNINGS, *flags, "-o", folder / "main", main, "-lm"], check=True, timeout=600)
    (folder / "in.bin").write_bytes(b"".join(e.inputs.tobytes() for e in entries))
    environment = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    subprocess.run([folder / "main", folder / "in.bin", folder / "out.bin"], check=True, timeout=600, env=environment)
    content, at, results = (folder / "out.bin").read_bytes(), 0, []
    for one in entries:
        bytes_ = sum(p.bytes for p in one.sources.interface.outputs)
        length = len(one.inputs) * bytes_
        results.append(np.frombuffer(content[at : at + length], np.uint8).reshape(len(one.inputs), bytes_))
        at += length
    assert at == len(content), struct.unpack("<I", content[:4])
    return results


STARTUP = """
    .syntax unified
    .thumb
    .section .vectors, "a"
    .word stack_top
    .word reset
    .rept 13
    .word fault
    .endr
    .word tick
    .text
    .thumb_func
reset:
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    ldr r0, =0xe000ed88
    ldr r1, [r0]
    ldr r2, =0x00f00000
    orrs r1, r2
    str r1, [r0]
    dsb
    isb
#endif
#ifdef TICKS
    ldr r0, =0xe000e014 /* SysTick: reload, current value, then enable with interrupt and processor clock */
    ldr r1, =TICKS
    str r1, [r0]
    str r1, [r0, #4]
    ldr r0, =0xe000e010
    movs r1, #7
    str r1, [r0]
#endif
    bl main
#ifdef TICKS
    ldr r1, =ticks
    ldr r1, [r1]
    cmp r1, #20
    bhs finish
    movs r0, #4
#endif
    b finish

    /* An interrupt may change what the hardware saves, and everything below the stack pointer. */
    .thumb_func
tick:
    ldr r0, =ticks
    ldr r1, [r0]
    adds r1, #1
    str r1, [r0]
    ldr r3, =0xdeadbeef
    mov r2, sp
    subs r2, #128
    movs r1, #32
scribble:
    stmia r2!, {r3}
    subs r1, #1
    bne scribble
    mov r12, r3
    mov r0, r3
    mov r1, r3
    mov r2, r3
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    vmov s0, r3
    vmov s1, r3
    vmov s2, r3
    vmov s3, r3
    vmov s4, r3
    vmov s5, r3
    vmov s6, r3
    vmov s7, r3
    vmov s8, r3
    vmov s9, r3
    vmov s10, r3
    vmov s11, r3
    vmov s12, r3
    vmov s13, r3
    vmov s14, r3
    vmov s15, r3
#endif
    bx lr
    .ltorg
    .thumb_func
fault:
    movs r0, #99
finish:
    ldr r1, =exit_block
    str r0, [r1, #4]
    ldr r0, =0x20026
    str r0, [r1]
    movs r0, #0x20
    bkpt 0xab
    b finish
    .bss
    .align 2
exit_block: .space 8
ticks: .space 4
"""

SCRIPT = """
MEMORY {{ BOOT (rx) : ORIGIN = {boot:#x}, LENGTH = 64K
          CODE (rx) : ORIGIN = {code:#x}, LENGTH = 8M
          RAM (rw) : ORIGIN = {ram:#x}, LENGTH = 2M }}
SECTIONS {{
    .vectors : {{ KEEP(*(.vectors)) }} > BOOT
    .text : {{ *(.text .text.* .rodata .rodata.*) }} > CODE
    .ARM.exidx : {{ *(.ARM.exidx*) }} > CODE
    .bss (NOLOAD) : {{ *(.bss .bss.* COMMON) }} > RAM
    stack_top = {ram:#x} + 2M;
    .ARM.attributes 0 : {{ *(.ARM.attributes) }}
    /DISCARD/ : {{ *(.comment .note.* .eh_frame) }}
}}
"""


CLANG = ("clang-14", "-O2")
"""Instead of flags: the model and its harness are compiled by clang and linked by gcc."""


def clang(cpu: Sequence[str]) -> list[str]:
    """The command that compiles ``core.c`` with clang and newlib's headers."""
    multi = subprocess.run(
        ["arm-none-eabi-gcc", *cpu, "-print-sysroot"], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
    headers = Path(multi) / "include" if multi else Path("/usr/lib/arm-none-eabi/include")
    include = headers / "newlib" if (headers / "newlib").is_dir() else headers
    return [
        *CLANG,
        "--target=arm-none-eabi",
        *cpu,
        "-std=c11",
        "-isystem",
        str(include),
        "-c",
        "core.c",
        "-o",
        "core.o",
    ]


def run_on_core(entries: Sequence[Entry], folder: Path, profile, flags: Sequence[str] = ("-O2",)) -> list[np.ndarray]:
    """Outputs of every entry from the emulated core of ``profile``; guard words round an arena of exactly its size."""
    sources = []
    for one in entries:
        for file in one.sources.files:
            (folder / file.path).write_bytes(file.content)
        sources += [f'#include "{unit}"' for unit in one.sources.units]
    arena = max(one.sources.interface.arena_bytes for one in entries)
    inputs = b"".join(e.inputs.tobytes() for e in entries)
    lines = [*sources, _SEMIHOSTING, f"static _Alignas(16) unsigned char memory[{arena + 64}];"]
    rows = []
    for one in entries:
        face = one.sources.interface
        for kind in ("inputs", "outputs"):
            ports = ", ".join(f"{{{starts(face)[p.area] + p.offset}, {p.bytes}}}" for p in getattr(face, kind))
            lines.append(f"static const struct port {face.name}_{kind}[] = {{{ports}}};")
        feed = f"{face.name}_feed" if face.pushed else "NULL"
        how = "pieces" if face.spread else "invoke"
        if face.pushed:
            lines.append(
                _FEED_ON_CORE.format(name=face.name, bytes=face.inputs[0].bytes // face.pushed, rows=face.pushed)
            )
        rows.append(
            f"{{{face.name}_{how}, {feed}, {starts(face)[-1]}, {len(face.inputs)}, {face.name}_inputs, "
            f"{len(face.outputs)}, {face.name}_outputs, {len(one.inputs)}}}"
        )
    lines.append(_MAIN.replace("MODELS", ",\n".join(rows)))
    (folder / "core.c").write_text("\n".join(lines))
    (folder / "boot.S").write_text(STARTUP)
    origins = profile.emulation.origins
    boot, code, ram = origins["HARNESS"], origins["FLASH"], origins["RAM"]
    (folder / "core.ld").write_text(SCRIPT.format(boot=boot, code=code, ram=ram))
    (folder / "in.bin").write_bytes(inputs)
    link = [
        "arm-none-eabi-gcc",
        *WARNINGS,
        *profile.cpu.flags,
        "-nostartfiles",
        "-T",
        "core.ld",
        "-o",
        "core.elf",
        "boot.S",
    ]
    if flags == CLANG:
        subprocess.run(clang(profile.cpu.flags), check=True, timeout=600, cwd=folder)
    subprocess.run(
        [*link, *(["core.o"] if flags == CLANG else [*flags, "core.c"]), "-lm"],
        check=True,
        timeout=600,
        cwd=folder,
    )
    machine = ["-M", profile.emulation.machine, "-cpu", profile.emulation.cpu, "-display", "none", "-monitor", "none"]
    # with -icount an instruction takes 16 ns of the machine's time, so that timers tick by instructions
    machine += ["-icount", "shift=4,sleep=off"] if any("TICKS" in flag for flag in flags) else []
    done = subprocess.run(
        ["qemu-system-arm", *machine, "-serial", "none", "-semihosting-config", "enable=on,target=native"]
        + ["-kernel", "core.elf"],
        timeout=600,
        cwd=folder,
        check=False,
    )
    meanings = {99: "a fault", 3: "a guard word was overwritten", 4: "fewer than 20 interrupts"}
    assert done.returncode == 0, meanings.get(done.returncode, done)
    content, at, results = (folder / "out.bin").read_bytes(), 0, []
    for one in entries:
        bytes_ = sum(p.bytes for p in one.sources.interface.outputs)
        length = len(one.inputs) * bytes_
        results.append(np.frombuffer(content[at : at + length], np.uint8).reshape(len(one.inputs), bytes_))
        at += length
    assert at == len(content)
    return results


_SEMIHOSTING = """
#include <string.h>
struct port { unsigned offset, bytes; };
static int call(int operation, const void *block)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
static int open_file(const char *name, unsigned mode)
{
    const unsigned block[3] = {(unsigned)name, mode, (unsigned)strlen(name)};
    return call(1, block);
}
static void transfer(int operation, int file, void *data, unsigned bytes)
{
    const unsigned block[3] = {(unsigned)file, (unsigned)data, bytes};
    call(operation, block);
}
"""

_FEED_ON_CORE = """
static void {name}_feed(void *arena, int source)
{{
    signed char row[{bytes}];
    {name}_begin(arena);
    for (int i = 0; i < {rows}; i++) {{
        transfer(6, source, row, {bytes});
        {name}_push(arena, row);
    }}
}}
"""

_MAIN = """
static const struct { void (*invoke)(void *); void (*feed)(void *, int); unsigned arena; int ins;
                      const struct port *in; int outs; const struct port *out; int vectors; } models[] = {
MODELS
};
int main(void)
{
    const int source = open_file("in.bin", 1), result = open_file("out.bin", 5);
    for (unsigned m = 0; m < sizeof models / sizeof models[0]; m++) {
        for (int v = 0; v < models[m].vectors; v++) {
            unsigned char *arena = memory + 32;
            memset(memory, 0x5a, sizeof memory);
            if (models[m].feed != NULL) models[m].feed(arena, source);
            for (int i = 0; models[m].feed == NULL && i < models[m].ins; i++)
                transfer(6, source, arena + models[m].in[i].offset, models[m].in[i].bytes);
            models[m].invoke(arena);
            for (int i = 0; i < models[m].outs; i++)
                transfer(5, result, arena + models[m].out[i].offset, models[m].out[i].bytes);
            for (unsigned i = 0; i < 32; i++)
                if (memory[i] != 0x5a || arena[models[m].arena + i] != 0x5a) return 3;
        }
    }
    return 0;
}
"""
