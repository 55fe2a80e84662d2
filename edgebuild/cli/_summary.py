"""Reports as text: from the JSON object of ``report.json`` to the lines that a user reads.

Anything that was not measured is null in a report, and is left out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgebuild.cli.console import table
from edgebuild.reports import steps


def built(report: Mapping[str, Any], *, up_to_date: bool, verbose: bool) -> list[str]:
    """What a build made, and how it was proven."""
    lines = [f"{report['target']}: {'up to date' if up_to_date else 'built'}{_proof(report)}"]
    rows = [
        *_memory(report),
        *_instructions(report),
        *_accuracy(report),
        *_gates(report),
        *_files(report),
        *_unproven(report),
    ]
    lines += [f"  {label:<13}{text}" for label, text in rows]
    lines += _compression(report)
    if verbose:
        lines += _passes(report) + _operators(report) + _seconds(report)
    return lines


def checked(report: Mapping[str, Any]) -> list[str]:
    """What can be said of a model without building it."""
    rows = [*_memory(report), *_gates(report)]
    macs = (report.get("model") or {}).get("macs")
    if macs is not None:
        rows.append(("MACs", f"{macs:,}"))
    return [f"{report['target']}: fits, and can run every operator"] + [f"  {label:<13}{text}" for label, text in rows]


def _proof(report: Mapping[str, Any]) -> str:
    run = report.get("emulation")
    if not run or run.get("vectors") is None:
        return ""
    runs = run.get("abis") or [run]
    ran = [" ".join(str(one[key]) for key in ("emulator", "machine", "cpu") if one.get(key)) for one in runs]
    where = " and ".join(ran)
    same = f"all bytes equal {_whose(run.get('oracle'))}"
    if run["mismatched_bytes"]:
        same = f"{run['mismatched_bytes']} bytes differ"
    return f"; {run['vectors']} inputs on {where}, {same}"


def _whose(oracle: str | None) -> str:
    """Whose bytes they were compared with: TFLite's, unless no runtime of it could run the model."""
    if oracle == "numpy":
        return "edgebuild's own definition, as TFLite could not run the model"
    return f"those of {oracle}" if oracle and oracle.endswith("numpy") else "TFLite's"


def _memory(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, parts in (("flash", ("weights", "code")), ("ram", ("arena", "io", "static", "stack"))):
        sizes = report.get(name)
        if not sizes:
            continue
        known = [f"{part} {sizes[part]:,}" for part in parts if sizes.get(part) is not None]
        total = sizes.get("total")
        parts_known = f"  ({', '.join(known)})" if known else ""
        text = f"{total:,} bytes{parts_known}" if total is not None else ", ".join(known)
        rows.append((name, text))
        for region in sizes.get("regions") or ():
            rows.append((f"  {region['name']}", f"{region['arena']:,} of {region['bytes']:,} bytes for the arena"))
    return rows


def _instructions(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    count = (report.get("emulation") or {}).get("instructions")
    return [("instructions", f"{count:,} an inference, counted; these are not cycles")] if count is not None else []


def _accuracy(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    accuracy = report.get("accuracy")
    if not accuracy:
        return []
    names = {"float": "float", "int8_host": "int8 on the host", "device": "on the emulated core"}
    known = [f"{words} {accuracy[key]:.2%}" for key, words in names.items() if accuracy.get(key) is not None]
    samples = accuracy.get("samples")
    return [("accuracy", " → ".join(known) + (f"  ({samples:,} samples)" if samples is not None else ""))]


def _gates(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "gate",
            f"{gate['name']} {_number(gate['value'])}, limit {_number(gate['limit'])}: "
            f"{'holds' if gate['ok'] else 'fails'}",
        )
        for gate in report.get("gates") or ()
        if gate.get("value") is not None and gate.get("limit") is not None
    ]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _files(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    files = report.get("files") or ()
    return [("files", f"{len(files)}, {sum(file['bytes'] for file in files):,} bytes")] if files else []


def _unproven(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("not proven", fact) for fact in report.get("unproven") or ()]


def _compression(report: Mapping[str, Any]) -> list[str]:
    """A table: the model as it was, and behind each step."""
    rows = steps.table(report.get("compression") or ())
    if not rows:
        return []
    reasons = steps.unmeasured(report["compression"])
    return ["", *(f"  {line}" for line in (*table(rows, right=range(1, len(rows[0]))), *reasons))]


def _passes(report: Mapping[str, Any]) -> list[str]:
    columns = ("operators", "macs", "weights")
    saved = [one for one in report.get("passes") or () if any(one[column] for column in columns)]
    rows = [[one["name"], *(f"{one[column]:,}" for column in columns)] for one in saved]
    return ["", *table([["pass saved", *columns], *rows], right=(1, 2, 3))] if rows else []


def _operators(report: Mapping[str, Any]) -> list[str]:
    calls = (report.get("emulation") or {}).get("per_operator") or ()
    if not calls:
        return []
    rows = [["operator", "layer", "instructions"]]
    rows += [[call["op"], call["name"], f"{call['instructions']:,}"] for call in calls]
    return ["", *table(rows, right=(2,))]


def _seconds(report: Mapping[str, Any]) -> list[str]:
    seconds = report.get("seconds") or {}
    return (
        ["", *table([["stage", "seconds"], *([s, f"{t:.2f}"] for s, t in seconds.items())], right=(1,))]
        if seconds
        else []
    )
