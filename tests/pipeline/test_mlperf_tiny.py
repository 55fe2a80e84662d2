"""The four MLPerf Tiny models on every core: byte-identical to TFLM, and measured truthfully."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edgebuild import pipeline
from tests import zoo
from tests.pipeline.conftest import settings

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")

pytestmark = [pytest.mark.qemu, pytest.mark.slow]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("softmax", [True, False], ids=["softmax", "logits"])
def test_bytes_are_tflites_own(core: str, softmax: bool, tmp_path: Path) -> None:
    """Seeds 1 to 4 of the xorshift input, in an arena of exactly the reported size between guard words."""
    for name in zoo.NAMES:
        if not softmax and name == "anomaly_detection":
            continue  # it has none
        build = settings(zoo.tflite(name), tmp_path / name, core, model__final_softmax=softmax, packages=["c_library"])
        report = pipeline.build(build, core)
        assert report.emulation is not None
        facts = {key: report.emulation[key] for key in ("oracle", "vectors", "mismatched_bytes")}
        assert facts == {"oracle": "tflm", "vectors": 4, "mismatched_bytes": 0}, name
        steps = report.emulation["per_operator"]
        assert sum(step["instructions"] for step in steps) == report.emulation["instructions"] > 0
        assert (steps[-1]["op"] == "SOFTMAX") == (softmax and name != "anomaly_detection")


def test_the_reported_sizes_are_those_of_binutils(tmp_path: Path, session_cache: Path) -> None:
    """The library's sections as ``arm-none-eabi-size`` sees them, and what the map says of libgcc and libc."""
    build = settings(zoo.tflite("keyword_spotting"), tmp_path, "cortex-m4", packages=["c_library"])
    report = pipeline.build(build, "cortex-m4", use_cache=False)
    assert report.flash is not None and report.ram is not None
    (image,) = {p.parent for p in (session_cache / "compile").glob("*/keyword_spotting.elf")} & {
        p.parent
        for p in (session_cache / "compile").glob("*/libkeyword_spotting.a")
        if p.read_bytes() == (tmp_path / "cortex-m4/c_library/lib/libkeyword_spotting.a").read_bytes()
    }
    listing = subprocess.run(
        ["arm-none-eabi-size", "--format=sysv", image / "keyword_spotting.elf"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    sections = {m[1]: int(m[2]) for m in re.finditer(r"^(\.model_\w+)\s+(\d+)", listing, re.MULTILINE)}
    flash = sum(sections.get(name, 0) for name in (".model_text", ".model_extab", ".model_exidx", ".model_data"))
    assert report.flash["total"] == flash
    assert report.ram["static"] == sections.get(".model_data", 0) + sections.get(".model_bss", 0) == 0
    assert report.ram["total"] == sum(report.ram[part] for part in ("arena", "io", "static", "stack"))
    header = (tmp_path / "cortex-m4/c_library/include/keyword_spotting.h").read_text()
    assert f"#define KEYWORD_SPOTTING_ARENA_BYTES {report.ram['arena']}\n" in header
    # binutils on the weights alone
    weights = subprocess.run(
        ["arm-none-eabi-size", image / "obj/keyword_spotting_weights.o"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1]
    text, data, bss = (int(word) for word in weights.split()[:3])
    assert (text, data, bss) == (report.flash["weights"], 0, 0)


SHAPES = {
    "keyword_spotting": (50, 10, 1),
    "visual_wake_words": (96, 96, 3),
    "image_classification": (32, 32, 3),
    "anomaly_detection": (5, 128, 1),
}


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with samples for each model's conversion, which all cores share."""
    import numpy as np

    folder = tmp_path_factory.mktemp("calibration")
    for name, shape in SHAPES.items():
        x = np.random.default_rng(3).normal(0, 1, (20, *shape)).astype(np.float32)
        np.savez(folder / f"{name}.npz", x=x)
    return folder


@pytest.mark.tensorflow
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("softmax", [True, False], ids=["softmax", "logits"])
def test_the_same_models_from_keras(core: str, softmax: bool, calibration: Path, tmp_path: Path) -> None:
    """From ``.h5``: converted in the worker, then proven on every core."""
    from edgebuild import loaders

    for name in zoo.NAMES:
        if not softmax and name == "anomaly_detection":
            continue  # it has none
        assert loaders.recognise(zoo.h5(name)) == "keras_h5"
        given = {"data__calibration": str(calibration / f"{name}.npz"), "model__final_softmax": softmax}
        build = settings(zoo.h5(name), tmp_path / name, core, packages=["c_array", "c_library"], **given)
        report = pipeline.build(build, core)
        assert report.emulation is not None
        facts = {key: report.emulation[key] for key in ("oracle", "vectors", "mismatched_bytes")}
        assert facts == {"oracle": "tflm", "vectors": 4, "mismatched_bytes": 0}, name


def test_two_builds_in_two_folders_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for folder in ("one", "two"):
        place = tmp_path / folder
        place.mkdir()
        (place / "net.tflite").write_bytes(zoo.tflite("keyword_spotting").read_bytes())
        monkeypatch.chdir(place)
        monkeypatch.setenv("EDGEBUILD_CACHE", str(place / "cache"))
        pipeline.build(settings(place / "net.tflite", place / "build", "cortex-m4"), "cortex-m4")
        bundle = place / "build"
        found.append({p.relative_to(bundle): p.read_bytes() for p in sorted(bundle.rglob("*")) if p.is_file()})
    assert set(found[0]) == set(found[1])
    different = [str(name) for name in found[0] if found[0][name] != found[1][name]]
    assert different == []
    assert not [name for name, content in found[0].items() if str(tmp_path).encode() in content]


@pytest.mark.parametrize("memory", ["least", "fastest"])
def test_whole_models_run_clean_under_sanitizers(memory: str, tmp_path: Path) -> None:
    """On the host, with every way of saving RAM and with none, in an arena of exactly its size."""
    import numpy as np

    from edgebuild import frontends, kernels, oracles, passes, planner
    from edgebuild.codegen.project import generate
    from edgebuild.pipeline.device import PASSES
    from edgebuild.validate.vectors import xorshift
    from tests.codegen import bench

    entries, expected = [], []
    for name in zoo.NAMES:
        content = zoo.tflite(name).read_bytes()
        graph = frontends.find("tflite").read(content, name, name)
        content = frontends.move(content, *frontends.trimmed(graph, int8=True, softmax=True), name)
        deployed = graph = frontends.find("tflite").read(content, name, name)
        for step in PASSES:
            graph = passes.find(step).run(graph)
        selection = kernels.select(graph, frozenset())
        rows = np.stack([xorshift(seed, graph.tensors[graph.inputs[0]].bytes).view(np.uint8) for seed in (1, 2)])
        sources = generate(graph, planner.plan(graph, selection, memory), selection)
        entries.append(bench.Entry(sources, rows))
        expected.append(oracles.find("tflm").run(content, deployed, rows))
    found = bench.run(entries, tmp_path, ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
    for outputs, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(outputs, wanted)
