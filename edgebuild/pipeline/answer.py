"""What TFLite answers, asked in a process of its own: a runtime that crashes must not take the build with it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np

from edgebuild import frontends, oracles, process
from edgebuild.artifacts import Vectors
from edgebuild.ir.graph import Graph

MODEL, INPUTS, OUTPUTS = "model.tflite", "inputs.npy", "expected.npy"
SECONDS_A_BUILD = 1800.0
"""Time limit; the reference kernels take milliseconds an inference on the models that fit a microcontroller."""


def expect(content: bytes, graph: Graph, inputs: np.ndarray, folder: Path) -> tuple[Vectors, tuple[str, ...]]:
    """What TFLite answers: the first oracle of :data:`edgebuild.oracles.ORDER` that is installed and survives.

    Runtimes abort or crash on odd models, so each runs in a process of its own.

    Args:
        folder: where the files that pass between the processes lie.

    Returns:
        inputs with expected outputs, and a warning for each oracle that could not answer.
    """
    warnings: list[str] = []
    for name in oracles.ORDER:
        if not oracles.find(name).available():
            continue
        if name == "numpy":
            return Vectors(inputs, oracles.find(name).run(content, graph, inputs), name), tuple(warnings)
        outputs, trouble = ask(name, content, inputs, folder)
        if outputs is not None:
            return Vectors(inputs, outputs, name), tuple(warnings)
        warnings.append(f"the oracle {name} could not run {graph.name}: {trouble}")
    raise AssertionError("numpy always answers")


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
