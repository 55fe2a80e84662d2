"""The figures that benchmarks/figures.json keeps still hold: they are counted, not timed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from benchmarks import models, operators, peer
from edgebuild import frontends
from edgebuild.ir.graph import Graph
from tests import zoo


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize(("core", "model"), [("cortex-m0plus", "anomaly_detection"), ("cortex-m4", "keyword_spotting")])
def test_no_figure_is_worse_than_the_stored_one(core: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = {core: {model: models.measure(model, core)}}
    assert models.check(found) == 0, capsys.readouterr().out
    # the comparison itself: two percent more is worse
    found[core][model]["instructions"] = found[core][model]["instructions"] * 102 // 100
    assert models.check(found) == 1
    assert "instructions is" in capsys.readouterr().out


def test_the_bound_is_what_the_table_states() -> None:
    """A 1x1 convolution by hand: 125 pixels of 64 inputs and 64 filters on a core with DSP."""
    graph = graph_of(zoo.tflite("keyword_spotting"))
    node = next(node for node in graph.nodes if node.op == "conv_2d" and graph.tensor(node, 1).shape[1:3] == (1, 1))
    stated = operators.BOUNDS["dsp"]["conv_2d"]
    macs, outputs = 125 * 64 * 64, 125 * 64
    features = frozenset({"thumb", "thumb2", "dsp"})
    assert operators.bound((node,), graph, features) == pytest.approx(stated["mac"] * macs + stated["output"] * outputs)
    softmax = next(node for node in graph.nodes if node.op == "softmax")
    assert operators.bound((node, softmax), graph, features) is None


def graph_of(path: Path) -> Graph:
    return frontends.find("tflite").read(path.read_bytes(), "model", path.name)


@pytest.mark.slow
@pytest.mark.qemu
def test_every_operator_has_its_instructions_a_mac() -> None:
    rows = models.measure("keyword_spotting", "cortex-m4")["operators"]
    assert sum(row["macs"] for row in rows) == 2_656_768
    for row in rows:
        assert (row["instructions_per_mac"] is None) == (row["macs"] == 0)
        if row["macs"]:
            assert row["instructions_per_mac"] == pytest.approx(row["instructions"] / row["macs"], abs=1e-4)
            assert row["ratio_to_bound"] == pytest.approx(row["instructions"] / row["bound"], abs=1e-2)


def test_a_refusal_of_the_other_compiler_is_printed_with_its_words(tmp_path: Path, capsys) -> None:
    """Whatever the reason: at the model as it is, and at the prepared one."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"refused": "no such operator"}\'\n')
    python.chmod(0o755)
    row = peer.measure("anomaly_detection", "cortex-m4", python)
    assert row == {"as_it_is": "no such operator", "refused": "no such operator"}
    peer.show("cortex-m4", {}, {"anomaly_detection": row})
    assert "anomaly_detection       refused: no such operator" in capsys.readouterr().out


PEER = Path(__file__).parents[1] / "build/peer/bin/python"


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.skipif(not PEER.exists(), reason="`make bench` installs the other compiler")
def test_the_other_compiler_gives_the_same_bytes() -> None:
    row = peer.measure("anomaly_detection", "cortex-m4", PEER)
    assert row["mismatched_bytes"] == 0
    assert "dynamic/incompatible shape signature" in row["as_it_is"]


CODE = {"keyword_spotting": 8192, "visual_wake_words": 8192, "image_classification": 6144, "anomaly_detection": 3072}


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("model", zoo.NAMES)
def test_the_smallest_code_is_neither_slower_nor_larger_than_tflm(core: str, model: str) -> None:
    tflm = tomllib.loads((models.HERE / "tflm.toml").read_text())
    row = models.measure(model, core, optimize="size")
    assert row["instructions"] < tflm["instructions"][model][core]
    assert row["ram"] < tflm["ram"][model]
    assert row["flash"] < tflm["flash"][model]
    assert row["code"] <= CODE[model]
