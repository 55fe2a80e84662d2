"""Runs an oracle in a process of its own: a runtime that crashes must not take the build with it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np

from edgebuild import process

MODEL, INPUTS, OUTPUTS = "model.tflite", "inputs.npy", "expected.npy"
SECONDS_A_BUILD = 1800.0
"""Time limit; the reference kernels take milliseconds an inference on the models that fit a microcontroller."""


def ask(name: str, content: bytes, inputs: np.ndarray, folder: Path) -> tuple[np.ndarray | None, str]:
    """Outputs of oracle ``name``, or None and why it has none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(content)
    np.save(folder / INPUTS, inputs)
    (folder / OUTPUTS).unlink(missing_ok=True)
    argv = [sys.executable, "-P", "-m", "edgebuild.oracles._child", name, str(folder)]
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
    from edgebuild import frontends, oracles

    content = (folder / MODEL).read_bytes()
    graph = frontends.find("tflite").read(content, "model", MODEL)
    outputs = oracles.find(name).run(content, graph, np.load(folder / INPUTS))
    np.save(folder / OUTPUTS, outputs)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
