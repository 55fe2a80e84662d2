"""The program that runs a model in the emulator: boot code, vectors in and out, guards, stack, faults."""

from __future__ import annotations

from edgebuild import exchange
from edgebuild.artifacts import Harness, Interface, SourceFile
from edgebuild.codegen.environment import render
from edgebuild.target.profile import Profile

GUARD_BYTES = 64
"""Guard bytes on each side of the arena, or as many as its alignment where that is more."""

STACK_MINIMUM = 128
"""Bytes of stack without which linking is not worth while; the measured peak decides in the end."""

_FOLDER = "harness"


def harness(interface: Interface, profile: Profile) -> Harness:
    """The harness that drives the model of ``interface`` on ``profile``; all files lie in ``harness/``."""
    guard = max(GUARD_BYTES, interface.arena_alignment)
    context: dict[str, object] = {
        "name": interface.name,
        "spread": interface.spread,
        "areas": [{"name": area.name.lower(), "bytes": area.bytes} for area in interface.areas]
        or [{"name": "arena", "bytes": interface.arena_bytes}],
        "inputs": interface.inputs,
        "outputs": interface.outputs,
        "pushed": interface.pushed,
        "arena_bytes": interface.arena_bytes,
        # Guards and arena are filled by words, and posix_memalign wants the size of a pointer.
        "arena_alignment": max(8, interface.arena_alignment),
        "memory_alignment": max(16, interface.arena_alignment),
        "guard_bytes": guard,
        "inputs_magic": exchange.INPUTS_MAGIC,
        "record_magic": exchange.RECORD_MAGIC,
        "record_fields": exchange.RECORD_FIELDS,
        "not_measured": exchange.NOT_MEASURED,
        "statuses": tuple(exchange.Status),
        "returned_mark": exchange.RETURNED_MARK,
    }
    files = {
        "exchange.h": render("harness/exchange.h.j2", **context),
        "platform.h": render("harness/platform.h"),
        "run.c": render("harness/run.c.j2", **context),
    }
    script = None
    if profile.family == "cortex-m":
        script = f"{_FOLDER}/link.ld"
        context |= _memory(profile, interface)
        files["boot.S"] = render("harness/cortex_m/boot.S.j2", **context)
        files["platform.c"] = render("harness/cortex_m/platform.c.j2", **context)
        files["link.ld"] = render("harness/cortex_m/link.ld.j2", **context)
    else:
        files["platform.c"] = render("harness/native/platform.c.j2", **context)
    return Harness(
        files=tuple(SourceFile(f"{_FOLDER}/{path}", text.encode()) for path, text in files.items()),
        units=tuple(f"{_FOLDER}/{path}" for path in files if path.endswith((".c", ".S"))),
        script=script,
    )


def _memory(profile: Profile, interface: Interface) -> dict[str, object]:
    """The linker script's regions: the target's sizes at the emulated machine's addresses."""
    flash, ram = profile.region("flash"), profile.region("ram")
    origins = profile.emulation.origins
    regions = [area.name for area in interface.areas] or [ram.name]
    return {
        "title": profile.title,
        "flash": flash,
        "ram": ram,
        "flash_origin": origins[flash.name],
        "ram_origin": origins[ram.name],
        "memories": [{"name": r.name, "bytes": r.bytes, "origin": origins[r.name]} for r in profile.regions("ram")],
        "regions": regions,
        "harness_origin": origins["HARNESS"],
        "harness_bytes": profile.emulation.harness_bytes,
        # Memory protection works in powers of two; what lies beyond the largest that fits stays unprotected.
        "harness_log2": profile.emulation.harness_bytes.bit_length() - 1,
        "flash_log2": flash.bytes.bit_length() - 1,
        "stack_minimum": STACK_MINIMUM,
    }
