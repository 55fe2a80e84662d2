"""The graph that is built from a description is the one that TensorFlow's converter makes of the Keras model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgebuild import frontends, kernels, models, passes, planner
from edgebuild.ir.graph import Graph
from edgebuild.pipeline.device import PASSES, total_macs
from edgebuild.target import load
from tests.models.students import described
from tests.worker.models import run_script

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("students")
    run_script(Path(__file__).with_name("convert_students.py"), found)
    return found


def lowered(graph: Graph) -> Graph:
    """Without the pass that looks at weights, which are random on both sides."""
    for name in PASSES:
        if name == "drop_channels":
            continue
        graph = passes.find(name).run(graph)
    return graph


@pytest.mark.parametrize("name", models.names())
def test_operators_weights_and_arena_are_the_converters(name: str, folder: Path) -> None:
    converted = lowered(frontends.find("tflite").read((folder / f"{name}.tflite").read_bytes(), name, name))
    built = lowered(models.graph(described(name), softmax=not models.find(name).reconstructs))

    def shown(graph: Graph) -> list[tuple[object, ...]]:
        return [
            (node.op, node.version, graph.output(node).shape, node.options.get("fused_activation_function"))
            for node in graph.nodes
        ]

    assert shown(built) == shown(converted)
    assert total_macs(built) == total_macs(converted)
    constants = [Counter(t.bytes for t in graph.tensors if t.constant) for graph in (built, converted)]
    assert constants[0] == constants[1]
    features = load.load("cortex-m4").cpu.features
    plans = [planner.plan(g, kernels.select(g, features), "fastest").arena_bytes for g in (built, converted)]
    assert plans[0] == plans[1]
