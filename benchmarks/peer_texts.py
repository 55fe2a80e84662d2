"""The C around what bakenn writes, so that our harness can drive it."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Interface, SourceFile

WARNINGS = ("conversion", "sign-conversion", "unused-parameter", "unused-function", "sign-compare", "unused-variable")
"""Warnings that we compile with and its code was not written for."""


def before(defines: Sequence[str]) -> bytes:
    """The first lines of each of its files; nothing else in them is touched."""
    lines = [f"#ifndef {name}\n#define {name}\n#endif" for name in defines]
    lines += [f'#pragma GCC diagnostic ignored "-W{name}"' for name in WARNINGS]
    return ("\n".join(lines) + "\n#line 1\n").encode()


def around(interface: Interface, workspace: int) -> list[SourceFile]:
    """``peer.h`` and ``peer.c``: one buffer that holds input, output and, from ``workspace`` on, bakenn's arena."""
    output = interface.outputs[0].offset
    header = f"""#ifndef PEER_H
#define PEER_H
#include <stdint.h>
#define PEER_ARENA_BYTES {interface.arena_bytes}
#define PEER_ARENA_ALIGNMENT {interface.arena_alignment}
void peer_invoke(void *arena);
#endif
"""
    source = f"""#include "peer.h"

#include "bknn_peer.h"

void peer_invoke(void *arena)
{{
    uint8_t *const memory = arena;
    bknn_peer_infer(memory + {workspace}, (const int8_t *)memory, (int8_t *)memory + {output});
}}
"""
    return [SourceFile("peer.h", header.encode()), SourceFile("peer.c", source.encode())]
