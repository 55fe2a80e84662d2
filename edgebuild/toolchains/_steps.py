"""Finds the calls of ``<name>_invoke`` in its machine code, so that each operator can be counted alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(\S+)(?:\s+(.*))?$")
_TARGET = re.compile(r"([0-9a-f]+) <")


@dataclass(frozen=True)
class Call:
    """A call: its target, and the address of the instruction after it.

    Attributes:
        after: None for a tail call, which does not come back here.
    """

    target: int
    after: int | None


def calls(disassembly: str, span: tuple[int, int]) -> tuple[Call, ...]:
    """The direct calls in the ``objdump`` listing of a function that lies in ``span``, in order."""
    instructions = [found.groups() for line in disassembly.splitlines() if (found := _INSTRUCTION.match(line))]
    following = [int(address, 16) for address, _, _ in instructions[1:]] + [span[1]]
    result = []
    for (_, mnemonic, operands), after in zip(instructions, following, strict=False):
        target = _TARGET.search(operands or "")
        if target is None:
            continue
        address = int(target[1], 16)
        if mnemonic in ("bl", "blx"):
            result.append(Call(address, after))
        elif mnemonic in ("b", "b.n", "b.w") and not span[0] <= address < span[1]:
            result.append(Call(address, None))
    return tuple(result)


def step_addresses(
    found: Sequence[Call], symbols: Sequence[str], starts: Mapping[str, int], returned: int
) -> tuple[int, ...]:
    """The address after each step's call; ``returned`` for a tail call, which comes back to the caller.

    Args:
        symbols: the function that each step calls, in order.
        starts: first address of each function.

    Returns:
        one address a step, or nothing when the calls do not correspond to the steps: the compiler inlined
        one, or turned several into a loop.
    """
    wanted = [starts.get(symbol) for symbol in symbols]
    addresses: list[int] = []
    for call in found:
        if len(addresses) < len(wanted) and call.target == wanted[len(addresses)]:
            addresses.append(returned if call.after is None else call.after)
    if len(addresses) == len(wanted):
        return tuple(addresses)
    # Identical functions are folded into one by the compiler; then the names differ and the count does not.
    if len(found) == len(wanted):
        return tuple(returned if call.after is None else call.after for call in found)
    return ()
