"""What a build found out about the model, as its report says it, and the gates that it must pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from edgebuild import __version__
from edgebuild.errors import AccuracyError, UsageError
from edgebuild.pipeline.request import Request, tools_of
from edgebuild.reports import budget
from edgebuild.reports.report import Gate, Report

if TYPE_CHECKING:
    from edgebuild.pipeline.device import Lowered, Proof
    from edgebuild.pipeline.model import Model


def insist_on_gates(report: Report, request: Request) -> None:
    """Insist that every gate of ``report`` holds.

    Raises:
        UsageError: one cannot be measured.
        AccuracyError: one does not hold.
    """
    for gate in report.gates:
        if gate.value is None:
            raise UsageError(
                f"gates.{gate.name}",
                "cannot be measured: the evaluation data has no labels, or the float model is not there",
                "give labels (y) with data.evaluation, and for accuracy_drop the trained model, not a .tflite",
            )
    failed = [gate for gate in report.gates if not gate.ok]
    if failed:
        raise AccuracyError(
            f"{request.config.name} on {request.profile.name}",
            "an accuracy gate does not hold on the emulated core",
            "train longer, compress less, or relax [gates] in edgebuild.toml",
            (
                *(f"{g.name} is {g.value:.4f}, limit {g.limit:.4f}" for g in failed if g.value is not None),
                *_accuracy_by_step(report),
            ),
        )


def _accuracy_by_step(report: Report) -> Iterator[str]:
    """Where accuracy went, a line each step that is known to have changed it."""
    for step in report.compression:
        before, after = (step[when].get("accuracy") for when in ("before", "after"))
        if before is not None and after is not None and before != after:
            yield f"step {step['technique']!r} took the float model from {before:.2%} to {after:.2%}"


def model(request: Request, prepared: Model) -> dict[str, Any]:
    """The model file that was built."""
    from edgebuild.pipeline.device import total_macs

    content = prepared.content
    return {
        "path": request.config.model.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "tflite_bytes": len(content),
        "macs": total_macs(prepared.graph),
    }


def fits(request: Request, prepared: Model) -> Report:
    """What can be said of generated C without a compiler: weights and arena.

    Raises:
        BudgetError: they are too large.
        UnsupportedError: generated C cannot run an operator.
    """
    from edgebuild.pipeline import device

    lowered = device.lower(prepared.graph, request)
    weights = sum(t.bytes for t in lowered.graph.tensors if t.constant)
    arena = lowered.plan.arena_bytes
    return Report(
        edgebuild=__version__,
        target=request.profile.name,
        model=model(request, prepared),
        flash={"total": None, "weights": weights, "code": None},
        ram={"total": None, "arena": arena, "io": 0, "static": None, "stack": None, **regions(request, lowered)},
        gates=tuple(budget.gates(weights, arena, request.profile, request.config.budget)),
        compression=tuple(vars(step) for step in prepared.compression),
        passes=tuple(vars(saving) for saving in lowered.saved),
    )


def regions(request: Request, lowered: Lowered) -> dict[str, Any]:
    """What the arena takes of each RAM, where the target has several; the first has static data and the stack too."""
    memories, taken = request.profile.regions("ram"), {area.name: area.bytes for area in lowered.plan.areas}
    if len(memories) < 2:
        return {}
    return {"regions": [{"name": m.name, "bytes": m.bytes, "arena": taken.get(m.name, 0)} for m in memories]}


def accuracy(prepared: Model, proof: Proof) -> dict[str, Any] | None:
    """Accuracy before, on the host and on the emulated core; None without labels."""
    if proof.device_accuracy is None:
        return None
    return {
        "float": prepared.float_accuracy,
        "int8_host": proof.host_accuracy,
        "device": proof.device_accuracy,
        "samples": len(proof.vectors.inputs) - proof.random,
    }


def gates(request: Request, prepared: Model, proof: Proof) -> Iterator[Gate]:
    """The gates that the user set on accuracy."""
    wanted, device = request.config.gates, proof.device_accuracy
    if wanted.accuracy is not None:
        yield Gate("accuracy", wanted.accuracy, device, device is not None and device >= wanted.accuracy)
    if wanted.accuracy_drop is not None:
        known = device is not None and prepared.float_accuracy is not None
        drop = round((prepared.float_accuracy or 0.0) - (device or 0.0), 6) if known else None
        yield Gate("accuracy_drop", wanted.accuracy_drop, drop, drop is not None and drop <= wanted.accuracy_drop)


def versions(request: Request) -> Mapping[str, str]:
    """Version of each program that took part, by its name."""
    from edgebuild.pipeline.versions import version

    return {PurePath(tool.command).name: version(tool) for tool in tools_of(request.profile) if tool.path()}
