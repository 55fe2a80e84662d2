"""What TFLite answers, asked in a process of its own: a runtime that crashes must not take the build with it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np

from edgebuild import frontends, oracles, process
from edgebuild.artifacts import Vectors
from edgebuild.errors import MismatchError
from edgebuild.ir.graph import Graph

MODEL, INPUTS, OUTPUTS = "model.tflite", "inputs.npy", "expected.npy"
SECONDS_A_BUILD = 1800.0
"""Time limit; the reference kernels take milliseconds an inference on the models that fit a microcontroller."""


def expect(content: bytes, graph: Graph, inputs: np.ndarray, folder: Path) -> tuple[Vectors, tuple[str, ...]]:
    """What TFLite answers: the first oracle of :data:`edgebuild.oracles.ORDER` that is installed and survives.

    Runtimes abort or crash on odd models, so each runs in a process of its own.  Where a SOFTMAX at the end is the
    reason, as with logits that hardly differ, TFLite answers up to it, and our own definition has to agree there.

    Args:
        folder: where the files that pass between the processes lie.

    Returns:
        inputs with expected outputs, and a warning for each oracle that could not answer.

    Raises:
        MismatchError: our own definition does not agree up to the SOFTMAX.
    """
    warnings: list[str] = []
    for name in oracles.ORDER:
        if not oracles.find(name).available():
            continue
        if name == "numpy":
            agreed = _agreed_before_softmax(content, graph, inputs, folder)
            words = f"{agreed} up to the SOFTMAX at the end, and numpy" if agreed else name
            return Vectors(inputs, oracles.find(name).run(content, graph, inputs), words), tuple(warnings)
        outputs, trouble = ask(name, content, inputs, folder)
        if outputs is not None:
            return Vectors(inputs, outputs, name), tuple(warnings)
        warnings.append(f"the oracle {name} could not run {graph.name}: {trouble}")
    raise AssertionError("numpy always answers")


def _agreed_before_softmax(content: bytes, graph: Graph, inputs: np.ndarray, folder: Path) -> str | None:
    """The oracle that can run the model without the SOFTMAX at its end, and gives the bytes that numpy does."""
    _, outputs = frontends.trimmed(graph, int8=False, softmax=False)
    if outputs == graph.outputs:
        return None
    cut = frontends.move(content, graph.inputs, outputs, graph.name)
    part = frontends.find("tflite").read(cut, graph.name, graph.name)
    for name in oracles.ORDER:
        found = ask(name, cut, inputs, folder)[0] if name != "numpy" and oracles.find(name).available() else None
        if found is not None and not np.array_equal(found, oracles.find("numpy").run(cut, part, inputs)):
            raise MismatchError(
                graph.name,
                f"edgebuild's own definition of its operators differs from {name}'s before the SOFTMAX at the end",
                "report this as a bug with the model; nothing was written",
            )
        if found is not None:
            return name
    return None


def ask(name: str, content: bytes, inputs: np.ndarray, folder: Path) -> tuple[np.ndarray | None, str]:
    """Outputs of oracle ``name``, or None and why it has none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(content)
    np.save(folder / INPUTS, inputs)
    (folder / OUTPUTS).unlink(missing_ok=True)
    argv = [sys.executable, "-P", "-m", "edgebuild.pipeline.answer", name, str(folder)]
    environment = process.environment_of_child()
    try:
        done = process.run(argv, timeout=SECONDS_A_BUILD, env=environment)
    except process.TimedOut as late:
        return None, f"no answer within {late.seconds:g} s"
    if done.status == 0 and (folder / OUTPUTS).is_file():
        return np.load(folder / OUTPUTS), ""
    if done.status < 0:
        return None, f"it crashed with {signal.Signals(-done.status).name}"
    return None, (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]


def main(name: str, folder: Path) -> None:
    """The child: read the files, run the oracle, write the answer."""
    content = (folder / MODEL).read_bytes()
    graph = frontends.find("tflite").read(content, "model", MODEL)
    outputs = oracles.find(name).run(content, graph, np.load(folder / INPUTS))
    np.save(folder / OUTPUTS, outputs)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
