"""Winograd's convolution for the DSP extension: over generated layers, at its edges, and where it is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgebuild import config, kernels, oracles
from edgebuild.ir import arithmetic
from edgebuild.ir.graph import Graph
from edgebuild.kernels import conv_2d_winograd_dsp as winograd
from edgebuild.kernels._dsp_channels import Channels
from edgebuild.ops import _cases
from edgebuild.ops._requantization import Requantization
from edgebuild.ops._window import EXPLICIT
from edgebuild.pipeline import line
from edgebuild.target import load
from tests.codegen import bench
from tests.ops.test_every_operator import inputs_of
from tests.write_tflite import write

KERNEL = kernels.find("conv_2d_winograd_dsp")
M4 = load.load("cortex-m4").cpu.features
BATCH = 25

batches = settings(
    max_examples=4,  # the first is the simplest
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def layer(
    size: tuple[int, int] = (6, 9),
    channels: int = 16,
    filters: int = 8,
    zero_points: tuple[int, int] = (3, -7),
    data: np.ndarray | None = None,
    low: int = -127,
    span: int = 4000,
    output_scale: float = 0.3,
    seed: int = 1,
    **options: Any,
) -> Graph:
    random = np.random.default_rng(seed)
    weight = _cases.weights(random, (filters, *options.pop("kernel", (3, 3)), channels), 0, True, low)
    if data is not None:
        weight = _cases.constant("weights", np.broadcast_to(data, weight.shape).astype(np.int8), weight.quantization)
    given_ = {
        "padding": "SAME",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
        "fused_activation_function": "NONE",
        **options,
    }
    before, after = ((p[0], p[1]) for p in zip(*given_.get(EXPLICIT, ((0, 0), (0, 0))), strict=True))
    extents = [
        arithmetic.output_extent(
            given_["padding"], n + b + a, k, given_[f"stride_{axis}"], given_[f"dilation_{axis}_factor"]
        )
        for axis, n, k, b, a in zip("hw", size, weight.shape[1:3], before, after, strict=True)
    ]
    source = _cases.activation("input", (1, *size, channels), 0.05, zero_points[0])
    output = _cases.activation("output", (1, *extents, filters), output_scale, zero_points[1])
    bias = _cases.bias(random, weight, 0.05, filters, span)
    return _cases.graph("conv_2d", (source, weight, bias), output, given_, 3)


def exact(graph: Graph) -> bool:
    return KERNEL.exact(graph.nodes[0], graph)


@st.composite
def layers(draw: st.DrawFn) -> Graph:
    options: dict[str, Any] = {
        "padding": draw(st.sampled_from(["SAME", "SAME", "VALID"])),
        "fused_activation_function": draw(st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])),
    }
    if draw(st.integers(0, 4)) == 0:
        sides = st.integers(0, 3)
        options |= {"padding": "VALID", EXPLICIT: ((draw(sides), draw(sides)), (draw(sides), draw(sides)))}
    zeros = st.sampled_from([-128, -127, -5, 0, 3, 126, 127])
    same = options["padding"] == "SAME"
    return layer(
        size=(draw(st.integers(1 if same else 3, 8)), draw(st.integers(4 if same else 6, 15))),
        channels=draw(st.sampled_from([4, 8, 12, 16, 20, 32])),
        filters=draw(st.sampled_from([2, 4, 6, 10])),
        zero_points=(draw(zeros), draw(zeros)),
        low=draw(st.sampled_from([-127, -128, 0])),
        span=draw(st.sampled_from([1, 4000, 10**6])),
        output_scale=draw(st.sampled_from([0.3, 0.01, 0.02, 0.05, 2.0])),
        seed=draw(st.integers(0, 2**32)),
        **options,
    )


def wrong(
    graphs: list[Graph], folder: Path, core: str = "cortex-m4", flags: tuple[str, ...] = ("-O2",), oracle: str = "numpy"
) -> list[int]:
    """Which of ``graphs`` the core computes otherwise than the oracle: random inputs, extremes, and both at once."""
    entries, random = [], np.random.default_rng(3)
    for i, graph in enumerate(graphs):
        elements = graph.tensors[graph.inputs[0]].elements
        extremes = np.where(random.integers(0, 2, (2, elements)), 127, 128).astype(np.uint8)
        inputs = np.concatenate([inputs_of(graph, 3), extremes])
        entries.append(bench.entry(graph, f"case_{i}", inputs, (KERNEL,)))
    found = bench.run_on_core(entries, folder, load.load(core), flags)
    reference = oracles.find(oracle)
    return [
        i
        for i, (graph, entry, outputs) in enumerate(zip(graphs, entries, found, strict=True))
        if not np.array_equal(outputs, reference.run(write(graph) if oracle != "numpy" else b"", graph, entry.inputs))
    ]


@batches
@given(st.lists(layers(), min_size=BATCH, max_size=BATCH))
def test_generated_layers(tmp_path_factory: pytest.TempPathFactory, graphs: list[Graph]) -> None:
    fit = [graph for graph in graphs if exact(graph)]
    assert len(fit) > BATCH / 2
    assert wrong(fit, tmp_path_factory.mktemp("core")) == []


ALTERNATING = np.resize([127, -128], (3, 3, 4))
EDGES = [
    *(
        layer(channels=4, data=data, zero_points=zero_points, output_scale=scale)
        for data in (np.array(-128), np.array(127), ALTERNATING, np.array([[[-128], [127], [-128]]]))
        for zero_points in ((-128, 127), (127, -128), (0, 0))
        for scale in (0.02, 0.3, 20.0)
    ),
    layer(channels=128, filters=2, low=-128),
    layer(size=(1, 4), fused_activation_function="RELU6"),
    layer(size=(4, 5), channels=12, filters=2, zero_points=(-128, -128), fused_activation_function="RELU"),
    layer(size=(7, 11), channels=20, filters=6, padding="VALID"),
]


def test_extreme_weights_inputs_and_sizes_equal_tflite(tmp_path: Path) -> None:
    assert all(exact(graph) for graph in EDGES)
    assert wrong(EDGES, tmp_path, oracle="tflm") == []


@pytest.mark.parametrize(
    ("core", "flags"),
    [
        ("cortex-m33", ("-Os",)),
        ("cortex-m7", ("-O3",)),
        ("cortex-m4", ("-O0",)),
        ("cortex-m4", bench.CLANG),
        ("cortex-m4", ("-O2", "-DTICKS=149")),
    ],
    ids=str,
)
def test_other_cores_levels_compilers_and_interrupts(core: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    assert wrong(EDGES[-6:], tmp_path, core, flags) == []


def test_what_it_declines() -> None:
    assert exact(layer())
    declined = [
        layer(kernel=(3, 2)),
        layer(stride_h=2, stride_w=2),
        layer(dilation_h_factor=2, dilation_w_factor=2),
        layer(channels=6),
        layer(filters=3),
        layer(size=(6, 3)),
        layer(output_scale=1e-6),  # shifts left
    ]
    assert [exact(graph) for graph in declined] == [False] * len(declined)


def channels_of(bias: int, filters: int = 2) -> Channels:
    requantization = Requantization(np.full(filters, 2**30, np.int32), np.full(filters, -19, np.int8), 0, -128, 127)
    weights = np.full((filters, 9 * 4096), 127, np.int8)
    return Channels.of(weights, np.full(filters, bias), 0, requantization)


def test_doubled_sums_must_fit_int32() -> None:
    inputs = 9 * 4096 * 127
    assert winograd._exact(channels_of(2**30 - 1 - inputs * 127))
    assert not winograd._exact(channels_of(2**30 - inputs * 127))
    assert winograd._exact(channels_of(inputs * 128 - 2**30))
    assert not winograd._exact(channels_of(inputs * 128 - 2**30 - 1))


def test_int16_holds_whatever_is_transformed() -> None:
    extremes = np.array(np.meshgrid(*[[-128, 127]] * 3, indexing="ij")).reshape(3, -1)
    weights = np.broadcast_to(extremes.T[:, None, :, None], (8, 3, 3, 4)).reshape(8, -1).astype(np.int8)
    requantization = Requantization(np.full(8, 2**30, np.int32), np.full(8, -8, np.int8), 0, -128, 127)
    found = winograd._transformed(Channels.of(weights, np.zeros(8, np.int64), 0, requantization), 4)
    assert -(2**15) <= found.min() <= -384 and 381 <= found.max() < 2**15


def test_only_fastest_takes_it() -> None:
    graph = layer(size=(16, 16), channels=32, filters=32)
    chosen = {o: kernels.select(graph, M4, o)[0] for o in ("fastest", "speed", "balanced", "size")}
    assert [o for o, kernel in chosen.items() if kernel == KERNEL] == ["fastest"]
    assert KERNEL not in kernels.lean(graph, M4)
    assert kernels.bulky(KERNEL) and not kernels.bulky(chosen["speed"])


def test_predicted_instructions_are_fewer_than_the_direct_kernels() -> None:
    direct = kernels.find("conv_2d_dsp")
    for size, channels, most in (((32, 32), 16, 0.80), ((16, 16), 32, 0.75), ((8, 8), 64, 0.75)):
        graph = layer(size=size, channels=channels, filters=channels)
        (node,) = graph.nodes
        assert KERNEL.instructions(node, graph) < most * direct.instructions(node, graph)
        assert KERNEL.scratch(node, graph) < direct.scratch(node, graph)


def test_a_ram_budget_may_do_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "net.tflite"
    path.write_bytes(write(layer(size=(5, 9), channels=16, filters=16)))
    given_: dict[str, object] = {"model.path": str(path), "targets": ["cortex-m4"], "optimize": "fastest"}
    arenas = []
    for budget in (10_000, 1_500):
        report = line.check(config.load(None, {**given_, "budget.ram": budget}), "cortex-m4")
        assert report.ram is not None
        arenas.append(report.ram["arena"])
    assert arenas[1] <= 1_500 < arenas[0]
