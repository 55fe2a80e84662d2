"""bakenn, another compiler from .tflite to C, beside ours: same core, compiler, flags, harness, input and counter.

It is no dependency: ``make bench`` installs it, pinned, into an environment of its own (benchmarks/peer.txt).  It
refuses MLPerf Tiny's files as they are: the batch is dynamic, RESHAPE has no options, and there are operators that it
does not have (QUANTIZE, DEQUANTIZE, SOFTMAX, SHAPE …).  So it gets each model without its float border and SOFTMAX,
with what is constant folded and the shapes written out; our figures keep the SOFTMAX.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import peer_texts
from edgebuild import cache, emulators, frontends, passes, toolchains
from edgebuild.artifacts import Interface, Port, SourceFile, Sources, Step
from edgebuild.codegen.harness import harness
from edgebuild.errors import EdgebuildError
from edgebuild.pipeline.answer import expect
from edgebuild.target import load
from edgebuild.validate import vectors
from tests import zoo
from tests.write_tflite import write

TARGETS = {"cortex-m0plus": "cortex-m0plus", "cortex-m3": "portable32"}
TARGETS |= dict.fromkeys(("cortex-m4", "cortex-m7", "cortex-m33"), "cortex-m4")
"""Its target for a core: ``cortex-m4``, with CMSIS-NN, for all with DSP; it sizes no scratch memory for Helium."""

SECONDS = 600.0


def measure(name: str, core: str, python: Path) -> dict[str, Any]:
    """Figures of ``name`` on ``core``; ``as_it_is`` is what bakenn says to the unchanged file.

    ``refused`` stands in place of figures where it does not compile.
    """
    if core not in TARGETS:
        return {"as_it_is": None, "refused": f"it has no target for {core}"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        said = _compile(python, zoo.tflite(name).read_bytes(), core, place / "unchanged")
        found: dict[str, Any] = {"as_it_is": said.get("refused")}
        content = _prepared(name)
        said = _compile(python, content, core, place / "c")
        if "refused" in said:
            return {**found, "refused": said["refused"]}
        try:
            return {**found, **_run(content, name, core, said, place)}
        except EdgebuildError as error:
            return {**found, "refused": f"{error.rule}: {(error.details or ('',))[0]}"}


def _prepared(name: str) -> bytes:
    """Model ``name`` between int8 tensors and without SOFTMAX, everything constant folded, written anew."""
    read, content = frontends.find("tflite").read, zoo.tflite(name).read_bytes()
    graph = read(content, "model", name)
    graph = read(frontends.move(content, *frontends.trimmed(graph, int8=True, softmax=False), name), "model", name)
    for rewrite in ("fold_constants", "remove_unused"):
        graph = passes.find(rewrite).run(graph)
    return write(graph)


def _compile(python: Path, content: bytes, core: str, folder: Path) -> dict[str, Any]:
    """What peer_compile.py prints."""
    model = folder.with_suffix(".tflite")
    model.write_bytes(content)
    script = Path(__file__).with_name("peer_compile.py")
    command = [str(python), str(script), str(model), str(folder), TARGETS[core]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"bakenn ended with status {done.returncode}; does {python} have it?\n{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _run(content: bytes, name: str, core: str, said: dict[str, Any], place: Path) -> dict[str, Any]:
    """Compile, link and run what bakenn wrote, in our harness."""
    profile = load.load(core)
    graph = frontends.find("tflite").read(content, "peer", name)
    header = (place / "c" / "bknn_peer.h").read_text()
    arena = int(re.findall(r"#define BKNN_PEER_ARENA_SIZE (\d+)u", header)[0])
    ports, end = [], 0
    for index in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[index]
        kind = (tensor.dtype.value, tensor.shape, tensor.bytes, end, tensor.scale, tensor.zero_point)
        ports.append(Port(tensor.name, *kind))
        end += -(-tensor.bytes // 16) * 16
    interface = Interface("peer", end + arena, 16, tuple(ports[:1]), tuple(ports[1:]))
    texts = [(path.relative_to(place / "c"), path) for path in sorted((place / "c").rglob("*.[ch]"))]
    before = peer_texts.before(said["defines"])
    files = [SourceFile(str(at), before + path.read_bytes()) for at, path in texts]
    files += peer_texts.around(interface, end)
    units = (*said["sources"], "peer.c")
    steps = (Step(0, "bakenn", "model", "bknn_peer_infer"),)
    sources = Sources(interface, tuple(files), units, "bknn_peer_weights.c", steps)
    library = toolchains.build_library(profile, sources, place / "build")
    image = toolchains.link(profile, sources, library, harness(interface, profile), place / "build")
    asked, _ = expect(content, graph, vectors.random_inputs(interface, 1), place)
    run = emulators.run(profile, image, asked, place / "exchange", SECONDS, cache=cache.root() / "tools")
    return {
        "instructions": run.instructions,
        "ram": interface.arena_bytes + image.static_bytes + (run.stack_bytes or 0),
        "arena": interface.arena_bytes,
        "stack": run.stack_bytes,
        "flash": image.flash.total,
        "mismatched_bytes": int((run.outputs != asked.expected).sum()),
    }


def show(core: str, ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> None:
    """A table for one core; the ratio is ours to theirs."""
    print(f"\n{core}, bakenn 1.0.0\n{'':22}{'instructions':>14}{'ours':>7}{'RAM':>9}{'ours':>7}{'flash':>9}{'ours':>7}")
    for name, row in theirs.items():
        if "refused" in row:
            print(f"{name:22}  refused: {row['refused']}")
            continue
        line = f"{name:22}"
        for figure, width in (("instructions", 14), ("ram", 9), ("flash", 9)):
            line += f"{row[figure]:{width},}{ours[name][figure] / row[figure]:7.3f}"
        wrong = row["mismatched_bytes"]
        print(line + (f"  {wrong} bytes differ from TFLM's" if wrong else ""))
    reasons = {row["as_it_is"]: None for row in theirs.values() if row["as_it_is"]}
    for reason in reasons:
        print(f"  to the unchanged files it says: {reason}")
