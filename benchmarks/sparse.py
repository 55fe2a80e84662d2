"""What zeros and narrow weights buy, layer by layer and for whole networks: ``make bench-sparse``.

    python benchmarks/sparse.py [--core NAME]… [--layers] [--networks] [--share 0.75]

Layers have random weights, of which whole blocks are zeroed, the smallest first, over the whole layer, so that rows are
uneven. Networks are MLPerf Tiny's, pruned the same way in the .tflite itself: their answers are worthless, but each
must equal TFLite's byte by byte. Ratios are to this project's own dense kernels: executed instructions, and bytes of a
layer's constants.
"""

from __future__ import annotations

import argparse
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
from edgebuild.ops import _cases
from edgebuild.target import load
from tests import zoo

CORES = ("cortex-m4", "cortex-m55", "cortex-m0plus", "cortex-m3")
LIMIT = 3
"""Kernels that are this much slower than the chosen one, for lesser cores, are not shown."""

SPARE = 2048
"""Layers of fewer weights stay as they are: the first convolution, and what names the classes."""


@dataclass(frozen=True)
class Layer:
    """A layer of the table; ``kernel`` is None for a fully connected one."""

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] | None
    block: tuple[int, int]
    share: float
    levels: bool = False

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


def prune(data: np.ndarray, block: tuple[int, int], share: float) -> np.ndarray:
    """``data`` ``(outputs, taps, inputs)`` without ``share`` of its blocks, the smallest ones."""
    outputs, taps, inputs = data.shape
    rows, columns = -(-outputs // block[0]), -(-inputs // block[1])
    padded = np.zeros((rows * block[0], taps, columns * block[1]), np.int8)
    padded[:outputs, :, :inputs] = data
    blocks = padded.reshape(rows, block[0], taps, columns, block[1]).copy()
    sums = np.abs(blocks.astype(np.int64)).sum(axis=(1, 4))
    order = np.argsort(sums, axis=None, kind="stable")[: round(sums.size * share)]
    keep = np.ones(sums.size, bool)
    keep[order] = False
    blocks *= keep.reshape(sums.shape)[:, None, :, :, None]
    return blocks.reshape(padded.shape)[:outputs, :, :inputs]


def layers(core: str) -> Iterator[Layer]:
    """The layers of the table."""
    wide = (8, 4) if core == "cortex-m55" else (4, 4)
    for name, inputs, outputs, kernel in (
        ("1x1, 64 to 64", 64, 64, (1, 1)),
        ("1x1, 256 to 256", 256, 256, (1, 1)),
        ("3x3, 32 to 32", 288, 32, (3, 3)),
    ):
        for share in (0.5, 0.75, 0.9):
            yield Layer(name, inputs, outputs, kernel, (2, 4), share)
        yield Layer(name, inputs, outputs, kernel, (1, 4), 0.75)
        yield Layer(name, inputs, outputs, kernel, (1, 1), 0.75)
        yield Layer(name, inputs, outputs, kernel, (1, 1), 0.0, levels=True)
        yield Layer(name, inputs, outputs, kernel, (2, 4), 0.75, levels=True)
        yield Layer(name, inputs, outputs, kernel, (4, 2), 0.75, levels=True)
    for name, inputs, outputs in (("dense, 256 to 256", 256, 256), ("dense, 640 to 128", 640, 128)):
        for share in (0.5, 0.75, 0.9):
            yield Layer(name, inputs, outputs, None, wide, share)
        yield Layer(name, inputs, outputs, None, (2, 4), 0.75)


def measure(graph: Graph, kernel: kernels.Kernel, core: str) -> tuple[int, int, int]:
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


def show_layers(core: str) -> None:
    """A line for each layer and each kernel that is exact for it and meant for such weights."""
    features = load.load(core).cpu.features
    print(
        f"\n{core}\n{'layer':20}{'block':>7}{'zeros':>7}  {'kernel':28}"
        f"{'instructions':>14}{'ratio':>7}{'bytes':>9}{'ratio':>7}"
    )
    full: dict[str, tuple[int, int, int]] = {}
    for layer in layers(core):
        graph = layer.graph()
        (node,) = graph.nodes
        if layer.name not in full:
            plain = replace(layer, share=0.0, levels=False).graph()
            dense = kernels.choose(plain.nodes[0], plain, features)
            full[layer.name] = measure(plain, dense, core)
            row = full[layer.name]
            print(f"{layer.name:20}{'':7}{'':7}  {dense.template[:-5]:28}{row[0]:14,}{'':7}{row[1]:9,}")
        found = kernels.candidates(node, graph, features)
        best = kernels.choose(node, graph, features)
        limit = LIMIT * best.instructions(node, graph)
        for kernel in found:
            meant = "sparse" in kernel.template or "int4" in kernel.template
            if kernel is best or (meant and kernel.instructions(node, graph) < limit):
                row, against = measure(graph, kernel, core), full[layer.name]
                print(
                    f"{layer.name:20}{'x'.join(map(str, layer.block)):>7}{layer.share:7.0%}  "
                    f"{kernel.template[:-5]:28}{row[0]:14,}{row[0] / against[0]:7.3f}"
                    f"{row[1]:9,}{row[1] / against[1]:7.3f}"
                    f"{'  int4' if layer.levels else ''}{'  chosen' if kernel is best else ''}",
                    flush=True,
                )


def pruned_model(content: bytes, block: tuple[int, int], share: float, levels: bool = False) -> bytes:
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


def build(content: bytes, core: str) -> tuple[int, int, int]:
    """Instructions, flash and RAM of a model, proven on ``core``."""
    with tempfile.TemporaryDirectory() as output:
        path = Path(output) / "model.tflite"
        path.write_bytes(content)
        given: dict[str, Any] = {"model.path": str(path), "targets": [core], "output": output}
        given |= {"packages": ["c_library"], "optimize": "speed"}
        report = pipeline.build(config.load(None, given), core)
    assert report.flash and report.ram and report.emulation
    assert report.emulation["mismatched_bytes"] == 0
    assert report.flash["total"] is not None and report.ram["total"] is not None
    return report.emulation["instructions"], report.flash["total"], report.ram["total"]


def show_networks(core: str, share: float) -> None:
    """Each network, dense and pruned."""
    print(f"\n{core}, {share:.0%} zeros\n{'':22}{'block':>7}{'instructions':>14}{'':7}{'flash':>9}{'':7}{'RAM':>9}")
    for name in zoo.NAMES:
        content = zoo.tflite(name).read_bytes()
        dense = build(content, core)
        print(f"{name:22}{'':7}{dense[0]:14,}{'':7}{dense[1]:9,}{'':7}{dense[2]:9,}")
        for block in ((2, 4), (4, 4)):
            row = build(pruned_model(content, block, share), core)
            print(
                f"{name:22}{'x'.join(map(str, block)):>7}{row[0]:14,}{row[0] / dense[0]:7.3f}"
                f"{row[1]:9,}{row[1] / dense[1]:7.3f}{row[2]:9,}",
                flush=True,
            )


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="append")
    parser.add_argument("--layers", action="store_true", help="only layers")
    parser.add_argument("--networks", action="store_true", help="only whole networks")
    parser.add_argument("--share", type=float, default=0.75, help="share of zeros in the networks")
    options = parser.parse_args()
    for core in options.core or CORES:
        if options.layers or not options.networks:
            show_layers(core)
        if options.networks or not options.layers:
            show_networks(core, options.share)
    return 0


if __name__ == "__main__":
    sys.exit(main())
