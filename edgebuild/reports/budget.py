"""Whether a model fits: what it needs against what the target has and what the user allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from edgebuild.arena import Plan
from edgebuild.config import Budget
from edgebuild.errors import BudgetError
from edgebuild.ir.graph import Graph
from edgebuild.reports.report import Gate
from edgebuild.target.profile import Kind, Profile, Region

STACKED = "arena, static data and stack"

STACK = 1024
"""Bytes of the first RAM that an arena leaves to static data and the stack where a target has several memories."""

SHOWN = 5
"""How many of the largest tensors an error names."""


def limit(kind: Kind, profile: Profile, budget: Budget) -> tuple[int, str]:
    """Bytes that the model may take, and who says so."""
    has = profile.bytes(kind)
    wanted = budget.flash if kind == "flash" else budget.ram
    if wanted is not None and (wanted < has or not has):
        return wanted, f"the {kind} budget"
    return has, f"{profile.name}'s {kind}"


def gates(flash: int | None, ram: int | None, profile: Profile, budget: Budget) -> Iterator[Gate]:
    """Flash and RAM as gates; a target without limits has none."""
    for kind, used in (("flash", flash), ("ram", ram)):
        most, _ = limit(kind, profile, budget)  # type: ignore[arg-type]
        if used is not None and most:
            yield Gate(kind, most, used, used <= most)


def check_constants(graph: Graph, profile: Profile, budget: Budget) -> None:
    """Insist that weights alone fit flash.

    Raises:
        BudgetError: they do not.
    """
    used = sum(t.bytes for t in graph.tensors if t.constant)
    _insist("flash", used, "its weights alone", graph, profile, budget)


def check_arena(graph: Graph, plan: Plan, profile: Profile, budget: Budget) -> None:
    """Insist that the arena alone fits RAM.

    Raises:
        BudgetError: it does not.
    """
    _insist("ram", plan.arena_bytes, "its arena alone", graph, profile, budget)


def room(profile: Profile) -> tuple[Region, ...]:
    """What an arena may take of each RAM of ``profile``; nothing is kept back where there is but one."""
    first, *others = profile.regions("ram")
    if others:
        first = dataclasses.replace(first, bytes=max(first.bytes - STACK, 0))
    return (first, *others)


def refuse_placement(graph: Graph, plan: Plan, profile: Profile) -> BudgetError:
    """The error for a plan whose tensors find no place in the memories of ``profile``."""
    most = max(room(profile), key=lambda region: region.bytes)
    named = ", ".join(f"{region.name} {region.bytes:,}" for region in profile.regions("ram"))
    pieces = [t.bytes for i, t in enumerate(graph.tensors) if i in plan.offsets] + [s.bytes for s in plan.segments]
    rule = f"its arena of {plan.arena_bytes:,} bytes cannot be spread over {named} bytes of {profile.name}"
    if max(pieces) > most.bytes:
        rule += f"; its largest piece has {max(pieces):,} bytes, and {most.name} has room for {most.bytes:,}"
    remedy = "make the layers named above smaller, or choose a target with a larger memory"
    return BudgetError(graph.name, rule, remedy, tuple(largest(graph, constant=False)))


def check_flash(used: int, graph: Graph, profile: Profile, budget: Budget) -> None:
    """Insist that weights and code fit flash.

    Raises:
        BudgetError: they do not.
    """
    _insist("flash", used, "weights and code", graph, profile, budget)


def check_ram(used: int, graph: Graph, profile: Profile, budget: Budget) -> None:
    """Insist that arena, static data and the measured stack fit RAM.

    Raises:
        BudgetError: they do not.
    """
    _insist("ram", used, STACKED, graph, profile, budget)


def _insist(kind: Kind, used: int, what: str, graph: Graph, profile: Profile, budget: Budget) -> None:
    most, who = limit(kind, profile, budget)
    if not most or used <= most:
        return
    remedy = "make the layers named above smaller, or choose a target with more RAM"
    if kind == "flash":
        remedy = "prune, factorize or quantize the model, or choose a target with more flash"
    elif what == STACKED:  # the arena alone fits, so nothing smaller was tried
        remedy = f'try memory = "least" and optimize = "size", {remedy}'
    raise BudgetError(
        graph.name,
        f"needs {used:,} bytes of {kind} ({what}), {used - most:,} more than {who} of {most:,}",
        remedy,
        tuple(largest(graph, constant=kind == "flash")),
    )


def largest(graph: Graph, *, constant: bool) -> Iterator[str]:
    """The largest tensors, one line each."""
    chosen = [t for t in graph.tensors if t.constant == constant]
    for tensor in sorted(chosen, key=lambda t: (-t.bytes, t.name))[:SHOWN]:
        shape = " x ".join(map(str, tensor.shape))
        yield f"{tensor.bytes:>12,} bytes  {tensor.dtype.value} {shape}  {tensor.name.split(';')[0]}"
