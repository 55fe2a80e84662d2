"""Runs in the environment of benchmarks/peer.txt: one model to C, or the words with which it is refused.

    python benchmarks/peer_compile.py MODEL FOLDER TARGET

Prints one JSON object: ``sources`` and ``defines``, or ``refused``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bakenn

NAME = "peer"


def main() -> None:
    """Compile with everything that bakenn offers for the target."""
    model, folder, name = sys.argv[1:]
    target = bakenn.resolve_target(name)
    fast = "dsp" in target.features
    policy = bakenn.KernelPolicy.STATIC_PRIORITY if fast else bakenn.KernelPolicy.PORTABLE
    options = bakenn.CBackendOptions(kernel_policy=policy, enable_cmsis_nn=fast, target=target)
    try:
        made = bakenn.compile_tflite(
            Path(model).read_bytes(), folder, name=NAME, backend_options=options, target=target
        )
    except bakenn.BakeNNError as error:
        print(json.dumps({"refused": str(error)}))
        return
    files = made.artifacts
    sources = (files.model_source, files.weights_source, files.kernels_source, *files.support_sources)
    defines = ["BAKENN_CMSIS_NN_BUILTIN_MEMORY"] if files.support_sources else []
    print(json.dumps({"sources": [str(Path(s).relative_to(folder)) for s in sources], "defines": defines}))


if __name__ == "__main__":
    main()
