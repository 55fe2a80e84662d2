"""How long a build takes, stage by stage, with nothing cached: ``make bench``.

Keyword spotting of MLPerf Tiny for cortex-m4, from its .tflite and from its Keras .h5.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from edgebuild import config, pipeline
from tests import zoo

TARGET = "cortex-m4"


def main() -> None:
    """Print a table for each kind of model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "calibration.npz"
        np.savez(data, x=np.random.default_rng(1).normal(0, 1, (100, 50, 10, 1)).astype(np.float32))
        show("keyword_spotting.tflite", zoo.tflite("keyword_spotting"), folder / "a", {})
        show("keyword_spotting.h5", zoo.h5("keyword_spotting"), folder / "b", {"data.calibration": str(data)})


def show(title: str, model: Path, folder: Path, more: dict[str, str]) -> None:
    """Build once with an empty cache, once more, and print both."""
    os.environ["EDGEBUILD_CACHE"] = str(folder / "cache")
    build = config.load(None, {"model.path": str(model), "targets": [TARGET], "output": str(folder / "out"), **more})
    begin = time.monotonic()
    report = pipeline.build(build, TARGET)
    total = time.monotonic() - begin
    print(f"{title} for {TARGET}: {total:.1f} s")
    for stage, seconds in (report.seconds or {}).items():
        print(f"  {stage:<10}{seconds:6.1f} s")
    begin = time.monotonic()
    again = pipeline.build(build, TARGET)
    assert again.up_to_date
    print(f"  again     {time.monotonic() - begin:6.2f} s, nothing to do\n")


if __name__ == "__main__":
    main()
