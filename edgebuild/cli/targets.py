"""``edgebuild targets``: lists the targets, or shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgebuild.cli import _options
from edgebuild.cli.console import SCHEMA_VERSION, table

if TYPE_CHECKING:
    from edgebuild.target.profile import Profile


@click.group(invoke_without_command=True)
@_options.json_only
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List the targets; `targets show NAME` shows one."""
    if ctx.invoked_subcommand is not None:
        return
    from edgebuild.target import load

    console = _options.console(options)
    profiles = [load.load(name) for name in load.names()]
    if console.as_json:
        console.object({"schema_version": SCHEMA_VERSION, "targets": [brief(profile) for profile in profiles]})
        return
    rows = [["target", "cpu", "flash", "ram", "engine", ""]]
    rows += [[p.name, p.cpu.name, _size(p.bytes("flash")), _size(p.bytes("ram")), p.engine, p.title] for p in profiles]
    console.result(table(rows, right=(2, 3)))


@command.command()
@click.argument("name", shell_complete=_options.complete_target)
@click.option("--why", is_flag=True, help="Show which file says each value.")
@_options.json_only
def show(name: str, why: bool, **options: Any) -> None:
    """Show every value of target NAME (a name or a path)."""
    from edgebuild.target import load

    console = _options.console(options)
    values = load.explain(name)
    if console.as_json:
        listed = [{"key": v.key, "value": v.value, "place": v.place} for v in values]
        console.object({"schema_version": SCHEMA_VERSION, "target": name, "values": listed})
        return
    rows = [["key", "value", "from"]] + [[v.key, _value(v.value), v.place] for v in values]
    console.result(table([row if why else row[:2] for row in rows]))


def brief(profile: Profile) -> dict[str, Any]:
    """A target as ``targets --json`` lists it."""
    return {
        "name": profile.name,
        "title": profile.title,
        "family": profile.family,
        "cpu": profile.cpu.name,
        "engine": profile.engine,
        "flash": profile.bytes("flash") or None,
        "ram": profile.bytes("ram") or None,
        "emulator": profile.emulation.emulator,
        "packages": list(profile.packages),
    }


def _size(count: int) -> str:
    if not count:
        return ""
    for unit, size in (("M", 1024**2), ("K", 1024)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return str(count)


def _value(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
