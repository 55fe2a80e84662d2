"""What zeros and narrow weights buy, layer by layer and for whole networks: ``make bench-sparse``.

    python benchmarks/sparse.py [--core NAME]… [--layers] [--networks] [--share 0.75] [--json FILE]

Layers have random weights, of which whole blocks are zeroed, the smallest first, over the whole layer, so that rows are
uneven. Networks are MLPerf Tiny's, pruned the same way in the .tflite itself: their answers are worthless, but each
must equal TFLite's byte by byte. Ratios are to this project's own dense kernels: executed instructions, and bytes of a
layer's constants.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from edgebuild import config, emulators, kernels, oracles, pipeline, planner, toolchains
from edgebuild.artifacts import Vectors
from edgebuild.codegen.harness import harness
from edgebuild.codegen.project import generate
from edgebuild.ir.graph import Graph
from edgebuild.ir.types import Quantization
from edgebuild.ops import Kernel, _cases
from edgebuild.target import load
from tests import zoo

CORES = ("cortex-m4", "cortex-m55", "cortex-m0plus", "cortex-m3")
LIMIT = 2.5
"""Kernels that are this much slower than the chosen one, for lesser cores, are not measured."""

SPARE = 2048
"""Layers of fewer weights stay as they are: the first convolution, and what names the classes."""


@dataclass(frozen=True)
class Layer:
    """A layer of the table.

    Attributes:
        kernel: None for a fully connected one.
        block: outputs and inputs, and how many blocks of some outputs stay: a multiple of a number.
        values: distinct weights of a channel; 0 for as many as there are.
    """

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] | None
    block: tuple[int, ...]
    share: float
    levels: bool = False
    values: int = 0

    def graph(self) -> Graph:
        """The layer as a model, the same for equal layers."""
        random = np.random.default_rng(3)
        taps = self.kernel[0] * self.kernel[1] if self.kernel else 1
        depth = self.inputs // taps
        shape = (self.outputs, taps, depth)
        data = np.clip(
            np.round(random.laplace(0, 2.5 if self.levels else 22, shape)), *((-7, 7) if self.levels else (-127, 127))
        )
        data[data == 0] = 1
        data = prune(data.astype(np.int8), self.block, self.share)
        if self.values:  # as many as are asked for, of each channel, whose tables differ
            tables = np.stack([random.permutation(np.arange(-127, 128))[: self.values] for _ in range(self.outputs)])
            chosen = random.integers(0, self.values, (self.outputs, taps * depth))
            data = np.take_along_axis(tables, chosen, axis=1).reshape(shape).astype(np.int8)
        scales = tuple(float(s) for s in (0.01 * random.uniform(0.3, 3, self.outputs)).astype(np.float32))
        spread = Quantization(scales, (0,) * len(scales), 0)
        if self.kernel is None:
            weight = _cases.constant(
                "weights", data.reshape(self.outputs, depth), replace(spread, scales=(0.01,), zero_points=(0,))
            )
            options: dict[str, Any] = {"weights_format": 0, "keep_num_dims": False, "asymmetric_quantize_inputs": False}
            shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((1, depth), (1, self.outputs))
        else:
            weight = _cases.constant("weights", data.reshape(self.outputs, *self.kernel, depth), spread)
            options = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
            shapes = ((1, 4 + self.kernel[0], 24 + self.kernel[1], depth), (1, 5, 25, self.outputs))
        options["fused_activation_function"] = "RELU"
        source, output = (
            _cases.activation("input", shapes[0], 0.05, -128),
            _cases.activation("output", shapes[1], 0.3, -128),
        )
        bias = _cases.bias(random, weight, 0.05, self.outputs)
        return _cases.graph("conv_2d" if self.kernel else "fully_connected", (source, weight, bias), output, options, 3)


@dataclass(frozen=True)
class Goal:
    """What is asked of the kernels for one kind of weights.

    Attributes:
        block: None for the one that suits fully connected layers of a core.
        asked: instructions and bytes of constants of the dense kernel's, by core.
    """

    name: str
    layer: str
    block: tuple[int, ...] | None
    share: float
    levels: bool
    asked: dict[str, tuple[float, float]]
    values: int = 0


def goals(*asked: tuple[float, float] | None) -> dict[str, tuple[float, float]]:
    """What is asked by core, of those that :data:`CORES` begins with."""
    return {core: pair for core, pair in zip(CORES, asked, strict=False) if pair}


GOALS = (
    Goal("1x1, K = 256, 2x4", "1x1, 256 to 256", (2, 4), 0.75, False, goals((0.38, 0.34), (0.50, 0.35), (0.40, 0.37))),
    Goal("3x3, K = 288, 2x4", "3x3, 32 to 32", (2, 4), 0.75, False, goals((0.38, 0.34), (0.50, 0.35), (0.40, 0.37))),
    Goal("1x1, K = 64, 2x4", "1x1, 64 to 64", (2, 4), 0.75, False, goals((0.45, 0.45), (0.75, 0.52), (0.52, 0.47))),
    *(
        Goal(f"{name}, 2x4, as M55 counts", layer, (2, 4, 4), 0.75, False, {})
        for name, layer in (("1x1, K = 256", "1x1, 256 to 256"), ("1x1, K = 64", "1x1, 64 to 64"))
    ),
    Goal(
        "dense 256, 4x4 (M55 8x4)",
        "dense, 256 to 256",
        None,
        0.75,
        False,
        goals((0.40, 0.33), (0.45, 0.33), (0.37, 0.33)),
    ),
    Goal(
        "dense 640, 4x4 (M55 8x4)",
        "dense, 640 to 128",
        None,
        0.75,
        False,
        goals((0.40, 0.33), (0.45, 0.33), (0.37, 0.33)),
    ),
    Goal("1x1, K = 256, 4x2 + int4", "1x1, 256 to 256", (4, 2), 0.75, True, goals((0.52, 0.22))),
    Goal("1x1, K = 256, 2x4 + int4", "1x1, 256 to 256", (2, 4), 0.75, True, {}),
    Goal("3x3, K = 288, 2x4 + int4", "3x3, 32 to 32", (2, 4), 0.75, True, {}),
    Goal("1x1, K = 256, int4", "1x1, 256 to 256", (1, 1), 0.0, True, goals((1.12, 0.55), None, (0.75, 0.55))),
    Goal("3x3, K = 288, int4", "3x3, 32 to 32", (1, 1), 0.0, True, goals((1.12, 0.55), None, (0.75, 0.55))),
    Goal("dense 256, int4", "dense, 256 to 256", (1, 1), 0.0, True, {}),
    Goal("dense 640, int4", "dense, 640 to 128", (1, 1), 0.0, True, {}),
    Goal("dense 256, 4x4 + int4 (M55 8x4)", "dense, 256 to 256", None, 0.75, True, {}),
    Goal("dense 640, 4x4 + int4 (M55 8x4)", "dense, 640 to 128", None, 0.75, True, {}),
    Goal("dense 640, 4x2 + int4", "dense, 640 to 128", (4, 2), 0.75, True, {}),
    *(Goal(f"1x1, K = 256, {n} values", "1x1, 256 to 256", (1, 1), 0.0, False, {}, n) for n in (4, 8, 16)),
    *(Goal(f"dense 256, {n} values", "dense, 256 to 256", (1, 1), 0.0, False, {}, n) for n in (4, 8, 16)),
    Goal("1x1, K = 256, unstructured", "1x1, 256 to 256", (1, 1), 0.75, False, goals((0.50, 0.58))),
    Goal("3x3, K = 288, unstructured", "3x3, 32 to 32", (1, 1), 0.75, False, {}),
)


def wide(core: str) -> tuple[int, ...]:
    """The block for fully connected layers."""
    return (8, 4) if core == "cortex-m55" else (4, 4)


def block_name(block: tuple[int, ...]) -> str:
    """As compression steps take it: ``2x4``, or ``2x4/4``."""
    return "/".join(["x".join(map(str, block[:2])), *map(str, block[2:])])


def prune(data: np.ndarray, block: tuple[int, ...], share: float) -> np.ndarray:
    """``data`` ``(outputs, taps, inputs)`` without ``share`` of its blocks, the smallest ones.

    Where a multiple of blocks is to stay in each row of blocks, as few more go as that needs.
    """
    outputs, taps, inputs = data.shape
    rows, columns = -(-outputs // block[0]), -(-inputs // block[1])
    padded = np.zeros((rows * block[0], taps, columns * block[1]), np.int8)
    padded[:outputs, :, :inputs] = data
    blocks = padded.reshape(rows, block[0], taps, columns, block[1]).copy()
    sums = np.abs(blocks.astype(np.int64)).sum(axis=(1, 4))
    order = np.argsort(sums, axis=None, kind="stable")[: round(sums.size * share)]
    keep = np.ones(sums.size, bool)
    keep[order] = False
    keep = keep.reshape(sums.shape)
    for multiple in block[2:]:
        counts = keep.sum(axis=(1, 2))
        over = counts % multiple
        counts -= over
        counts[np.argsort(-over, kind="stable")[: over.sum() // multiple]] += multiple
        ranks = np.argsort(np.argsort(-sums.reshape(rows, -1), axis=1, kind="stable"), axis=1)
        keep = (ranks < counts[:, None]).reshape(sums.shape)
    blocks *= keep[:, None, :, :, None]
    return blocks.reshape(padded.shape)[:outputs, :, :inputs]


def counted(op: str, core: str) -> list[tuple[int, ...]]:
    """The block whose number in some outputs matters to the core's kernel."""
    found = kernels.skipped(op, load.load(core).cpu.features)
    return [tuple(found)] if found.at_once > 1 else []


def layers(core: str) -> Iterator[Layer]:
    """The layers of the table."""
    for name, inputs, outputs, kernel in (
        ("1x1, 64 to 64", 64, 64, (1, 1)),
        ("1x1, 256 to 256", 256, 256, (1, 1)),
        ("3x3, 32 to 32", 288, 32, (3, 3)),
    ):
        for share in (0.5, 0.75, 0.9):
            yield Layer(name, inputs, outputs, kernel, (2, 4), share)
        yield from (Layer(name, inputs, outputs, kernel, block, 0.75) for block in ((1, 4), *counted("conv_2d", core)))
        yield Layer(name, inputs, outputs, kernel, (1, 1), 0.75)
        yield Layer(name, inputs, outputs, kernel, (1, 1), 0.0, levels=True)
        yield Layer(name, inputs, outputs, kernel, (2, 4), 0.75, levels=True)
        yield Layer(name, inputs, outputs, kernel, (4, 2), 0.75, levels=True)
    for name, inputs, outputs in (("dense, 256 to 256", 256, 256), ("dense, 640 to 128", 640, 128)):
        for share in (0.5, 0.75, 0.9):
            yield Layer(name, inputs, outputs, None, wide(core), share)
        yield from (
            Layer(name, inputs, outputs, None, block, 0.75) for block in ((2, 4), *counted("fully_connected", core))
        )
        yield Layer(name, inputs, outputs, None, (1, 1), 0.0, levels=True)
        yield Layer(name, inputs, outputs, None, wide(core), 0.75, levels=True)
        yield Layer(name, inputs, outputs, None, (4, 2), 0.75, levels=True)


def clustered() -> Iterator[Layer]:
    """Layers whose channels have a few values each."""
    for values in (4, 8, 16):
        yield Layer("1x1, 256 to 256", 256, 256, (1, 1), (1, 1), 0.0, values=values)
        yield Layer("dense, 256 to 256", 256, 256, None, (1, 1), 0.0, values=values)


def measure(graph: Graph, kernel: Kernel, core: str) -> tuple[int, int, int]:
    """Executed instructions, bytes of constants and of code of one layer; every byte of its output is compared."""
    profile, (node,) = load.load(core), graph.nodes
    sources = generate(replace(graph, name="layer"), planner.plan(graph, (kernel,)), (kernel,))
    length = sum(port.bytes for port in sources.interface.inputs)
    inputs = np.random.default_rng(5).integers(0, 256, (2, length)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder, program = Path(name), harness(sources.interface, profile)
        library = toolchains.build_library(profile, sources, folder)
        image = toolchains.link(profile, sources, library, program, folder)
        run = emulators.run(profile, image, Vectors(inputs, None, ""), folder / "exchange", 600)
    assert np.array_equal(run.outputs, oracles.find("numpy").run(b"", graph, inputs)), kernel.template
    assert run.per_step[0] is not None
    constants = sum(array.nbytes for array in kernel.context(node, graph).arrays.values())
    return run.per_step[0], constants, image.flash.total - constants


def name_of(kernel: Kernel) -> str:
    """The kernel's file, or the operator's for a portable one."""
    return type(kernel).__module__.rpartition(".")[2] if isinstance(kernel, kernels.Variant) else kernel.template[:-5]


def measured(core: str) -> Iterator[dict[str, Any]]:
    """A record for each layer and each kernel that is meant for its weights, and is not beaten by another in all."""
    features = load.load(core).cpu.features
    full: dict[str, tuple[int, int, int]] = {}
    for layer in (*layers(core), *clustered()):
        if layer.name not in full:
            plain = replace(layer, share=0.0, levels=False, values=0).graph()
            dense = kernels.choose(plain.nodes[0], plain, features)
            full[layer.name] = measure(plain, dense, core)
            yield record(core, layer, dense, full[layer.name], full[layer.name], True)
        graph = layer.graph()
        (node,) = graph.nodes
        best = kernels.choose(node, graph, features)
        limit = LIMIT * best.instructions(node, graph)
        found = [
            record(core, layer, kernel, measure(graph, kernel, core), full[layer.name], kernel is best)
            for kernel in kernels.candidates(node, graph, features)
            if kernel is best or (_meant(kernel) and (layer.values or kernel.instructions(node, graph) < limit))
        ]
        yield from (one for one in found if one["chosen"] or not any(_beats(other, one) for other in found))


def record(
    core: str, layer: Layer, kernel: Kernel, row: tuple[int, int, int], full: tuple[int, int, int], chosen: bool
) -> dict[str, Any]:
    """The figures of one layer and kernel, beside those of the dense kernel on the same layer."""
    pruned = _meant(kernel)
    return {
        "core": core,
        "layer": layer.name,
        "block": block_name(layer.block) if layer.share else "",
        "zeros": layer.share,
        "int4": layer.levels,
        "values": layer.values,
        "kernel": name_of(kernel),
        "chosen": chosen,
        "meant": pruned,
        "instructions": row[0],
        "instructions_ratio": row[0] / full[0],
        "bytes": row[1],
        "bytes_ratio": row[1] / full[1],
        "code": row[2],
    }


def _meant(kernel: Kernel) -> bool:
    return any(word in kernel.template for word in ("sparse", "int4", "clusters"))


def _beats(other: dict[str, Any], one: dict[str, Any]) -> bool:
    worse = all(other[key] <= one[key] for key in ("instructions", "bytes"))
    return worse and (other["instructions"], other["bytes"]) != (one["instructions"], one["bytes"])


def show_layers(core: str) -> list[dict[str, Any]]:
    """A line for each record of :func:`measured`."""
    print(
        f"\n{core}\n{'layer':20}{'block':>7}{'zeros':>7}{'':6}{'kernel':28}"
        f"{'instructions':>14}{'ratio':>7}{'bytes':>9}{'ratio':>7}{'code':>7}"
    )
    found = []
    for one in measured(core):
        found.append(one)
        zeros = f"{one['zeros']:.0%}" if one["block"] else ""
        print(
            f"{one['layer']:20}{one['block']:>7}{zeros:>7}{_kind(one):6}{one['kernel']:28}"
            f"{one['instructions']:14,}{one['instructions_ratio']:7.3f}{one['bytes']:9,}{one['bytes_ratio']:7.3f}"
            f"{one['code']:7,}{'  chosen' if one['chosen'] else ''}",
            flush=True,
        )
    return found


def show_goals(core: str, found: list[dict[str, Any]]) -> None:
    """What was asked of kernels beside what the one that comes nearest takes."""
    print(f"\n{core}: instructions and weight flash of the dense kernel's\n{'':32}{'asked':>13}{'measured':>15}")
    for goal in GOALS:
        asked = goal.asked.get(core)
        wanted = (goal.layer, _block(goal, core), goal.share, goal.levels, goal.values)
        rows = [
            one
            for one in found
            if one["meant"] and (one["layer"], one["block"], one["zeros"], one["int4"], one["values"]) == wanted
        ]
        if goal.levels:  # in flash others come nowhere near
            rows = [one for one in rows if "int4" in one["kernel"]] or rows
        said = f"{asked[0]:.2f} / {asked[1]:.2f}" if asked else "to measure"
        if not rows:
            if goal.block is None or len(goal.block) == 2:
                print(f"{goal.name:32}{said:>13}{'no kernel':>15}")
            continue
        limits = asked or (1.0, 1.0)
        best = min(rows, key=lambda one: max(one["instructions_ratio"] / limits[0], one["bytes_ratio"] / limits[1]))
        ratios = best["instructions_ratio"], best["bytes_ratio"]
        held = all(ratio <= most for ratio, most in zip(ratios, limits, strict=True))
        print(
            f"{goal.name:32}{said:>13}{ratios[0]:8.3f} /{ratios[1]:6.3f}  {best['kernel']:33}"
            f"{('holds' if held else 'MISSED') if asked else ''}"
        )


def _kind(one: dict[str, Any]) -> str:
    return " int4 " if one["int4"] else f"{one['values']:5} " if one["values"] else ""


def _block(goal: Goal, core: str) -> str:
    block = goal.block or wide(core)
    return block_name(block) if goal.share else ""


def pruned_model(content: bytes, block: tuple[int, ...], share: float, levels: bool = False) -> bytes:
    """The .tflite with blocks of its convolutions' and fully connected layers' weights zeroed; depthwise ones stay.

    Args:
        levels: whether weights become multiples of 16 besides: 16 levels.
    """
    changed = bytearray(content)
    model = tflite.Model.GetRootAs(changed, 0)
    graph = model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.FULLY_CONNECTED):
            continue
        tensor = graph.Tensors(operator.Inputs(1))
        shape = tensor.ShapeAsNumpy()
        data = model.Buffers(tensor.Buffer()).DataAsNumpy()
        if data.size < SPARE:
            continue
        weights = data.view(np.int8).reshape(shape[0], -1, shape[-1])
        made = prune(weights, block, share)
        weights[...] = np.clip(np.round(made / 16), -7, 7) * 16 if levels else made
    return bytes(changed)


def build(content: bytes, core: str, optimize: str = "speed") -> tuple[int, int, int]:
    """Instructions, flash and RAM of a model, proven on ``core``."""
    with tempfile.TemporaryDirectory() as output:
        path = Path(output) / "model.tflite"
        path.write_bytes(content)
        given: dict[str, Any] = {"model.path": str(path), "targets": [core], "output": output}
        given |= {"packages": ["c_library"], "optimize": optimize}
        report = pipeline.build(config.load(None, given), core)
    assert report.flash and report.ram and report.emulation
    assert report.emulation["mismatched_bytes"] == 0
    assert report.flash["total"] is not None and report.ram["total"] is not None
    return report.emulation["instructions"], report.flash["total"], report.ram["total"]


def show_networks(core: str, share: float) -> list[dict[str, Any]]:
    """Each network: dense, pruned, and with 16 levels, which save flash and not instructions, so ``balanced``."""
    found = []
    block = wide(core)
    ways = [((2, 4), share, False), (block, share, False), (block, 0.0, True), (block, share, True)]
    print(
        f"\n{core}, {share:.0%} zeros\n{'':22}{'':4}{'block':>9}{'instructions':>14}{'':7}{'flash':>9}{'':7}{'RAM':>9}"
    )
    for name in zoo.NAMES:
        content = zoo.tflite(name).read_bytes()
        dense = build(content, core)
        print(f"{name:22}{'':13}{dense[0]:14,}{'':7}{dense[1]:9,}{'':7}{dense[2]:9,}")
        for block, zeros, levels in ways:
            row = build(pruned_model(content, block, zeros, levels), core, "balanced" if levels else "speed")
            keys = ("instructions", "flash", "ram")
            label = f"{block_name(block) if zeros else ''}{' int4' if levels else ''}"
            found.append({"core": core, "network": name, "block": label.strip(), "zeros": zeros})
            found[-1] |= {"dense": dict(zip(keys, dense, strict=True)), "pruned": dict(zip(keys, row, strict=True))}
            print(
                f"{name:22}{label:>13}{row[0]:14,}{row[0] / dense[0]:7.3f}"
                f"{row[1]:9,}{row[1] / dense[1]:7.3f}{row[2]:9,}",
                flush=True,
            )
    return found


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="append")
    parser.add_argument("--layers", action="store_true", help="only layers")
    parser.add_argument("--networks", action="store_true", help="only whole networks")
    parser.add_argument("--share", type=float, default=0.75, help="share of zeros in the networks")
    parser.add_argument("--json", type=Path, help="where the figures go besides")
    options = parser.parse_args()
    cores, rows, networks = options.core or CORES, [], []
    for core in cores:
        if options.layers or not options.networks:
            found = show_layers(core)
            show_goals(core, found)
            rows += found
        if options.networks or not options.layers:
            networks += show_networks(core, options.share)
    if options.json:
        options.json.write_text(json.dumps({"layers": rows, "networks": networks}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
