"""What a Linux bundle consists of: the programs that were proven, and the papers that say so."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgebuild.artifacts import Port
from edgebuild.codegen import board as texts
from edgebuild.codegen.board import Board
from edgebuild.packagers import Bundle, BundleFile
from edgebuild.pipeline.labels import labels
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.runtimes import System
from edgebuild.pipeline.texts import texts as licences

TEST_VECTORS = 4
"""At most so many inputs go into the bundle's self-test."""

_VERSIONED = re.compile(r"\s(GLIBC|GLIBCXX)_(\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_GCC_OF_GLIBCXX = {28: "10", 29: "11", 30: "12", 31: "13.1", 32: "13.2", 33: "14"}
"""Release of libstdc++6 that brought GLIBCXX_3.4.N."""

CONTENTS = {
    "install.sh": "installs all this to `/opt` and starts the socket",
    "bin/": "the program",
    "lib/": "the library that it is linked with, and the runtime",
    "include/": "the library's header",
    "src/": "source of the program and the library",
    "python/": "the same program in Python, and what it requires",
    "systemd/": "socket and service",
    "test/": "inputs and outputs of the self-test, raw bytes",
    "manifest.json": "inputs, outputs, versions, checksums and what was proven",
    "labels.txt": "names of the classes",
}


def depends(headers: str) -> tuple[str, ...]:
    """Debian packages, with versions, that programs need whose ``objdump --private-headers`` is given."""
    most: dict[str, tuple[int, ...]] = {}
    for kind, *numbers in _VERSIONED.findall(headers):
        version = tuple(int(n) for n in numbers if n)
        most[kind] = max(most.get(kind, (0,)), version)
    found = []
    if "GLIBC" in most:
        found.append(f"libc6 (>= {'.'.join(map(str, most['GLIBC']))})")
    if "libgcc_s" in headers:
        found.append("libgcc-s1")
    if "GLIBCXX" in most:
        release = _GCC_OF_GLIBCXX.get(most["GLIBCXX"][-1])
        found.append(f"libstdc++6 (>= {release})" if release else "libstdc++6")
    return tuple(found)


def compose(
    board: Board,
    system: System,
    request: Request,
    content: bytes,
    programs: Iterable[BundleFile],
    vectors: tuple[np.ndarray, np.ndarray],
    needs: tuple[str, ...],
    facts: Mapping[str, Any],
) -> Bundle:
    """The bundle.

    Args:
        content: the ``.tflite``.
        programs: everything that was compiled or is a runtime.
        vectors: inputs of the self-test and the outputs that were proven for them.
        needs: Debian packages that the board must have.
        facts: ``proof`` (words), ``unproven`` (sentences), for the papers.
    """
    name = board.interface.name
    files = list(programs)
    files += [BundleFile(path, text, path == "install.sh") for path, text in texts.installation(board).items()]
    inputs, outputs = (part[:TEST_VECTORS] for part in vectors)
    files += [
        BundleFile(f"{name}.tflite", content),
        BundleFile("test/inputs.bin", inputs.tobytes()),
        BundleFile("test/outputs.bin", outputs.tobytes()),
        BundleFile("LICENSE", licences()["LICENSE"]),
    ]
    if names := labels(board.interface, request):
        files.append(BundleFile("labels.txt", "".join(f"{label}\n" for label in names).encode()))
    there = {file.path for file in files} | {"manifest.json"}
    contents = [(p, t) for p, t in CONTENTS.items() if any(path == p or path.startswith(p) for path in there)]
    readme = board.text(
        "README.md.j2",
        title=request.profile.title,
        model_path=request.config.model.name,
        contents=[(f"{name}.tflite", "the model"), *contents],
        library=f"include/{name}.h" in there,
        labelled="labels.txt" in there,
        needs=", ".join(needs),
        **facts,
    )
    files.append(BundleFile("README.md", readme))
    files.append(BundleFile("manifest.json", _manifest(board, system, request, content, files, facts)))
    return Bundle(
        command=board.command,
        version=f"1.0+{hashlib.sha256(content).hexdigest()[:8]}",
        architecture=system.architecture,
        depends=needs,
        summary=f"the model {name}, with its runtime, for {request.profile.title}",
        program=board.program,
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _manifest(
    board: Board,
    system: System,
    request: Request,
    content: bytes,
    files: Iterable[BundleFile],
    facts: Mapping[str, Any],
) -> bytes:
    found = {
        "schema_version": 1,
        "name": board.interface.name,
        "target": request.profile.name,
        "architecture": system.architecture,
        "machines": list(system.machines),
        "engine": board.engine,
        "runtime": board.runtime or None,
        "model": {"file": f"{board.interface.name}.tflite", "sha256": hashlib.sha256(content).hexdigest()},
        "inputs": [_described(port) for port in board.interface.inputs],
        "outputs": [_described(port) for port in board.interface.outputs],
        "proof": facts["proof"],
        "unproven": list(facts["unproven"]),
        "files": {file.path: hashlib.sha256(file.content).hexdigest() for file in sorted(files, key=lambda f: f.path)},
    }
    return (json.dumps(found, indent=1) + "\n").encode()


def _described(port: Port) -> dict[str, Any]:
    quantized = port.dtype != "float32"
    return {
        "name": port.name,
        "dtype": port.dtype,
        "shape": list(port.shape),
        "bytes": port.bytes,
        "scale": port.scale if quantized else None,
        "zero_point": port.zero_point if quantized else None,
    }
