"""``edgebuild ops``: lists the operators, or the rules of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgebuild.cli import _options
from edgebuild.cli.console import SCHEMA_VERSION, table
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from edgebuild.ops import Operator
    from edgebuild.target.profile import Profile


@click.command()
@click.argument("name", required=False)
@click.option("--target", metavar="NAME", shell_complete=_options.complete_target, help="What this target runs.")
@_options.json_only
def command(name: str | None, target: str | None, **options: Any) -> None:
    """List the operators, or show the rules of the one called NAME."""
    from edgebuild import ops
    from edgebuild.target import load

    console = _options.console(options)
    profile = load.load(target) if target else None
    found = {key: describe(ops.find(key), profile) for key in ops.names()}
    if name is not None:
        wanted = next((key for key, op in found.items() if name.lower() in (key, op["tflite"].lower())), None)
        if wanted is None:
            from edgebuild.config.kinds import suggestion

            raise UsageError("command line", f"there is no operator '{name}'", suggestion(name.lower(), found, "known"))
        found = {wanted: found[wanted]}
    if console.as_json:
        console.object({"schema_version": SCHEMA_VERSION, "target": target, "operators": found})
    elif name is not None:
        console.result([line for op in found.values() for line in _one(op)])
    else:
        console.result(_all(found))


def describe(op: Operator, profile: Profile | None) -> dict[str, Any]:
    """An operator as ``ops --json`` lists it; for a target, whether and by which kernel it runs there."""
    from edgebuild import kernels, ops

    facts: dict[str, Any] = {
        "tflite": op.tflite,
        "versions": [op.versions.start, op.versions.stop - 1],
        "kernels": [{"name": k.name, "features": sorted(k.features)} for k in kernels.of(ops.by_tflite()[op.tflite])],
        "rules": [dict(zip(("rule", "remedy"), ops.refusal(rule), strict=True)) for rule in op.rules],
    }
    if profile is not None:
        limits = profile.operators
        allowed = op.tflite not in limits.refused and (limits.allowed is None or op.tflite in limits.allowed)
        facts["supported"] = allowed
        facts["kernels"] = [k for k in facts["kernels"] if set(k["features"]) <= profile.cpu.features]
        if op.tflite in limits.versions:
            facts["versions"][1] = min(facts["versions"][1], limits.versions[op.tflite])
    return facts


def _all(found: dict[str, dict[str, Any]]) -> list[str]:
    rows = [["operator", "versions", "kernels", "rules"]]
    for op in found.values():
        kernels = ", ".join(_kernel(kernel) for kernel in op["kernels"]) or "none needed"
        kernels = kernels if op.get("supported", True) else "not on this target"
        rows.append([op["tflite"], _versions(op), kernels, str(len(op["rules"]))])
    return table(rows, right=(3,))


def _one(op: dict[str, Any]) -> list[str]:
    lines = [f"{op['tflite']}, versions {_versions(op)}"]
    lines += [f"  kernel  {_kernel(kernel)}" for kernel in op["kernels"]]
    for rule in op["rules"]:
        lines.append(f"  rule    {rule['rule']}")
        lines += [f"          remedy: {rule['remedy']}"] if rule["remedy"] else []
    return lines


def _versions(op: dict[str, Any]) -> str:
    first, last = op["versions"]
    return f"{first}" if first == last else f"{first}-{last}"


def _kernel(kernel: dict[str, Any]) -> str:
    return f"{kernel['name']} ({', '.join(kernel['features'])})" if kernel["features"] else str(kernel["name"])
