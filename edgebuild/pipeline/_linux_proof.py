"""What an emulated Linux board answers, beside the same runtime on this machine and the reference kernels."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebuild import cache, oracles
from edgebuild.artifacts import Interface, Port, Run, Vectors
from edgebuild.pipeline import _linux_native, _linux_python, answer, device
from edgebuild.pipeline.request import Request, own_digest
from edgebuild.pipeline.runtimes import Runtime
from edgebuild.pipeline.stages import Stages
from edgebuild.validate import accuracy, agreement, compare, vectors

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph
    from edgebuild.pipeline.model import Model

Made = _linux_native.Made | _linux_python.Made

ORACLES = ("litert", "tflm", "numpy")
"""Who computes what the reference kernels give; LiteRT's own first, since it knows every operator."""


REFERENCES = ("litert", "tflm")
"""Those of them that are TFLite's own."""


@dataclass(frozen=True, eq=False)
class Proof:
    """What the emulated board answered.

    Attributes:
        device: compared with the same runtime on this machine, or with TFLite's reference kernels if every byte is
            theirs and not every byte the other's.
        reference: how far it is from the reference kernels; None where nobody here has them for this model.
        same_class: share of the evaluation samples, or else of the random vectors, with the class of the reference.
        oracle: who computed the reference.
        peak_bytes: largest resident set; None where it cannot be measured.
    """

    device: device.Proof
    reference: agreement.Agreement | None
    same_class: float | None
    oracle: str | None
    peak_bytes: int | None


def side(runtime: Runtime) -> Any:
    """How the runtime is used: by the C runner where it has a C library, by the Python runner otherwise."""
    return _linux_native if runtime.library else _linux_python


def prove(made: Made, prepared: Model, runtime: Runtime, request: Request, stages: Stages) -> Proof:
    runner, interface, random = side(runtime), made.board.interface, request.config.vectors
    rows = [vectors.random_inputs(_fed(interface, prepared.graph), random)]
    if prepared.evaluation is not None:
        rows.append(vectors.sample_inputs(interface, [np.load(path) for path in prepared.evaluation.inputs]))
    inputs = np.concatenate(rows)
    fed = cache.key(own_digest(), cache.digest(prepared.content), cache.digest(inputs.tobytes()))

    def expect(folder: Path) -> None:
        outputs, oracle, warnings = _reference(prepared, inputs, folder)
        if outputs is not None:
            np.save(folder / "reference.npy", outputs)
        np.save(folder / "twin.npy", runner.run_here(made, prepared.content, inputs, folder))
        (folder / "expect.json").write_text(json.dumps({"oracle": oracle, "warnings": warnings}))

    expected = stages.stored("expect", cache.key(fed, made.twin.name), expect)
    noted = json.loads((expected / "expect.json").read_text())
    for text in noted["warnings"]:
        stages.listener.warn(text)
    # the emulated core does some tens of millions of multiply-accumulates a second
    macs = device.total_macs(prepared.graph)
    seconds = request.config.timeout or 120 + len(inputs) * (macs * 4 + 1_000_000) / 20e6

    def run(folder: Path) -> None:
        outputs, peak = runner.run_there(made, request.profile, prepared.content, inputs, folder, seconds)
        np.save(folder / "outputs.npy", outputs)
        (folder / "run.json").write_text(json.dumps({"peak_bytes": peak}))

    key = cache.key(fed, made.key, request.profile.emulation, request.profile.memory, device.identity(request))
    ran = stages.stored("run", key, run)
    outputs, twin = np.load(ran / "outputs.npy"), np.load(expected / "twin.npy")
    reference = np.load(expected / "reference.npy") if (expected / "reference.npy").is_file() else None
    asked = Vectors(inputs, twin, f"{runtime.title} on this machine")
    host, emulated = _accuracies(prepared, interface, reference, outputs, random)
    answered = Run(outputs, None, None, (), ())
    verdict = compare.compare(interface, asked, answered)
    theirs = reference is not None and noted["oracle"] in REFERENCES and np.array_equal(outputs, reference)
    if verdict.mismatched_bytes and theirs:
        # The runtime has kernels of its own for x86; on this CPU it computes what the reference kernels do.
        asked = Vectors(inputs, reference, f"the reference kernels of {noted['oracle']}")
        verdict = compare.compare(interface, asked, answered)
    first = random if prepared.evaluation is not None else 0
    same = None if reference is None else agreement.same_class(interface, outputs[first:], reference[first:])
    return Proof(
        device.Proof(asked, answered, verdict, random, host, emulated),
        None if reference is None else agreement.agreement(interface, outputs, reference, steps(prepared.graph)),
        same,
        noted["oracle"],
        json.loads((ran / "run.json").read_text())["peak_bytes"],
    )


def _fed(interface: Interface, graph: Graph) -> Interface:
    """``interface`` whose float inputs have the range that the model quantizes them from: beyond it all is clamped."""

    def ranged(port: Port, index: int) -> Port:
        reader = next((n for n in graph.nodes if index in n.inputs), None)
        if port.dtype != "float32" or reader is None or reader.op != "quantize":
            return port
        inner = graph.output(reader)
        return dataclasses.replace(port, scale=inner.scale, zero_point=inner.zero_point)

    ports = zip(interface.inputs, graph.inputs, strict=True)
    return dataclasses.replace(interface, inputs=tuple(ranged(port, index) for port, index in ports))


def _reference(prepared: Model, inputs: np.ndarray, folder: Path) -> tuple[np.ndarray | None, str | None, list[str]]:
    """Outputs of the reference kernels, who computed them, and why others could not."""
    warnings: list[str] = []
    for name in ORACLES:
        if oracles.find(name).available():
            outputs, trouble = answer.ask(name, prepared.content, inputs, folder / "oracle")
            if outputs is not None:
                return outputs, name, warnings
            warnings.append(f"the reference kernels of {name} could not run {prepared.graph.name}: {trouble}")
    return None, None, warnings


def _accuracies(
    prepared: Model, interface: Interface, reference: np.ndarray | None, outputs: np.ndarray, random: int
) -> tuple[float | None, float | None]:
    if prepared.evaluation is None or prepared.evaluation.labels is None:
        return None, None
    labels = np.load(prepared.evaluation.labels)
    host, emulated = (
        None if found is None else accuracy.accuracy(interface, found[random:], labels)
        for found in (reference, outputs)
    )
    return host, emulated


def steps(graph: Graph) -> list[float]:
    """What one unit is in each output; see :func:`edgebuild.validate.agreement.agreement`."""
    found = []
    for index in graph.outputs:
        tensor = graph.tensors[index]
        maker = next((n for n in graph.nodes if index in n.outputs), None)
        if tensor.dtype.value != "float32":
            found.append(1.0)
        elif maker is not None and maker.op == "dequantize":
            found.append(graph.tensors[maker.inputs[0]].scale)
        else:
            found.append(0.0)
    return found
