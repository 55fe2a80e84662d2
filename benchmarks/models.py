"""The four MLPerf Tiny models on every core, beside TFLM with CMSIS-NN: ``make bench``.

    python benchmarks/models.py [--core NAME]… [--model NAME]… [--memory HOW] [--optimize WHAT] [--operators]
        [--cycles] [--bakenn PYTHON] [--json FILE] [--check] [--update]

``--operators`` adds a table an operator: instructions a multiply-accumulate, the ratio to what the inner loops alone
take (benchmarks/bounds.toml); the JSON has it always. ``--cycles`` adds estimated cycles, from how often each
instruction was executed and from Arm's manuals (benchmarks/cycles.py). ``--bakenn`` runs another compiler beside ours,
with the Python that it is installed in (benchmarks/peer.py).

``--check`` compares with the stored figures (benchmarks/figures.json, ``balanced``) and fails when one is more than 1 %
worse; they are counted, not timed, so they are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from benchmarks import cycles, operators, peer
from edgebuild import config, frontends, passes, pipeline
from edgebuild.artifacts import Vectors
from edgebuild.pipeline.device import PASSES
from edgebuild.validate import vectors
from tests import zoo

HERE = Path(__file__).parent
STORED = HERE / "figures.json"
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
TOLERANCE = 1.01
FIGURES = ("instructions", "ram", "flash", "code")
STORED_TOO = ("arena", "stack")


def main() -> int:
    """Build, print, and compare when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="append", choices=CORES)
    parser.add_argument("--model", action="append", choices=zoo.NAMES)
    parser.add_argument("--memory", default="balanced")
    parser.add_argument("--optimize", default="balanced")
    parser.add_argument("--operators", action="store_true")
    parser.add_argument("--cycles", action="store_true")
    parser.add_argument("--bakenn", type=Path, metavar="PYTHON")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    tflm = tomllib.loads((HERE / "tflm.toml").read_text())
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for core in options.core or CORES:
        found[core] = {m: measure(m, core, options.memory, options.optimize) for m in options.model or zoo.NAMES}
        show(core, found[core], tflm)
        if options.bakenn:
            beside = {m: peer.measure(m, core, options.bakenn) for m in found[core]}
            peer.show(core, found[core], beside)
            for name, figures in beside.items():
                found[core][name]["bakenn"] = figures
        if options.cycles:
            estimates(core, found[core], options.memory, options.optimize)
        for name, row in found[core].items() if options.operators else ():
            operators.show(f"{core} {name}", row["operators"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.update:
        stored = json.loads(STORED.read_text()) if STORED.is_file() else {}
        for core, models in found.items():
            kept = {m: {name: row[name] for name in (*FIGURES, *STORED_TOO)} for m, row in models.items()}
            stored.setdefault(core, {}).update(kept)
        STORED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    return check(found) if options.check else 0


def measure(model: str, core: str, memory: str = "balanced", optimize: str = "balanced") -> dict[str, Any]:
    """Build ``model`` for ``core`` and prove it; what the report says."""
    given = settings(model, core, memory, optimize)
    with tempfile.TemporaryDirectory() as output:
        report = pipeline.build(config.load(None, {**given, "output": output}), core)
    assert report.flash and report.ram and report.emulation
    assert report.emulation["mismatched_bytes"] == 0
    assert report.flash["total"] is not None and report.ram["total"] is not None
    return {
        "instructions": report.emulation["instructions"],
        "ram": report.ram["total"],
        "arena": report.ram["arena"] or 0,
        "stack": report.ram["stack"] or 0,
        "flash": report.flash["total"],
        "code": report.flash["total"] - data_bytes(model),
        "operators": operators.table(report.emulation["per_operator"], operators.built(given, core)),
    }


def settings(model: str, core: str, memory: str, optimize: str) -> dict[str, Any]:
    """The build of ``model`` that is measured."""
    given = {"model.path": str(zoo.tflite(model)), "targets": [core], "packages": ["c_library"]}
    return {**given, "memory": memory, "optimize": optimize}


def estimates(core: str, models: dict[str, dict[str, Any]], memory: str, optimize: str) -> None:
    """Print estimated cycles, and note them in the figures."""
    print(f"\n{core}, estimated cycles (no wait states; not measured)")
    for model, row in models.items():
        made = operators.built(settings(model, core, memory, optimize), core)
        inputs = Vectors(vectors.random_inputs(made.sources.interface, 1), None, "")
        with tempfile.TemporaryDirectory() as folder:
            found = cycles.estimate(made.request.profile, made.image, inputs, Path(folder))
        row["estimated_cycles"] = found
        if found is None:
            print(f"{model:22}{'-':>14}  Arm publishes no table for this core")
            continue
        macs = sum(one["macs"] for one in row["operators"])
        each = (found / row["instructions"], found / macs)
        print(f"{model:22}{found:14,}  {each[0]:.2f} an instruction, {each[1]:.2f} a multiply-accumulate")


def data_bytes(model: str) -> int:
    """Weights and biases of the deployed model, and 5 bytes for each scale to requantize: what is not code."""
    content = zoo.tflite(model).read_bytes()
    graph = frontends.find("tflite").read(content, "model", model)
    inputs, outputs = frontends.trimmed(graph, int8=True, softmax=True)
    graph = frontends.find("tflite").read(frontends.move(content, inputs, outputs, model), "model", model)
    for name in PASSES:
        graph = passes.find(name).run(graph)
    total = 0
    for node in graph.nodes:
        if node.op in ("conv_2d", "depthwise_conv_2d", "fully_connected"):
            quantization = graph.tensor(node, 1).quantization
            scales = len(quantization.scales) if quantization else 0
            total += graph.tensor(node, 1).bytes + 4 * graph.output(node).shape[-1] + 5 * scales
    return total


def show(core: str, models: dict[str, dict[str, Any]], peer: dict[str, Any]) -> None:
    """A table for one core; ratios to TFLM with CMSIS-NN, and their geometric means."""
    print(
        f"\n{core}\n{'':22}{'instructions':>14}{'':7}{'RAM':>9}{'':7}{'arena':>8}{'stack':>7}{'flash':>9}{'':7}{'code':>8}"
    )
    ratios: dict[str, list[float]] = {"instructions": [], "ram": [], "flash": []}
    for model, row in models.items():
        against = {
            "instructions": peer["instructions"][model][core],
            "ram": peer["ram"][model],
            "flash": peer["flash"][model],
        }
        share = {name: row[name] / against[name] for name in ratios}
        for name, value in share.items():
            ratios[name].append(value)
        print(
            f"{model:22}{row['instructions']:14,}{share['instructions']:7.3f}{row['ram']:9,}{share['ram']:7.3f}"
            f"{row['arena']:8,}{row['stack']:7,}{row['flash']:9,}{share['flash']:7.3f}{row['code']:8,}"
        )
    mean = {name: math.exp(sum(map(math.log, values)) / len(values)) for name, values in ratios.items()}
    print(f"{'geometric mean':22}{'':14}{mean['instructions']:7.3f}{'':9}{mean['ram']:7.3f}{'':24}{mean['flash']:7.3f}")


def check(found: dict[str, dict[str, dict[str, Any]]]) -> int:
    """1 when a figure is worse than the stored one by more than the tolerance."""
    stored, worse = json.loads(STORED.read_text()), 0
    for core, models in found.items():
        for model, row in models.items():
            for name in FIGURES:
                known = stored[core][model][name]
                if row[name] > max(known * TOLERANCE, known + 16):
                    print(f"{core} {model}: {name} is {row[name]:,}, stored {known:,}")
                    worse = 1
    return worse


if __name__ == "__main__":
    sys.exit(main())
