"""``init`` and ``clean``: what they write and remove, and what they leave alone."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild import config
from tests.conftest import Outcome

Run = Callable[..., Outcome]


def test_init_finds_the_model_and_its_file_loads(here: Path, edgebuild: Run) -> None:
    (here / "net.tflite").touch()
    done = edgebuild("init")
    assert (done.status, done.err) == (0, "wrote edgebuild.toml\n  model: net.tflite\n")
    build = config.load(here / "edgebuild.toml")
    assert build.model == here / "net.tflite"
    assert build.targets == ("cortex-m4",)


def test_init_takes_targets_and_a_model(here: Path, edgebuild: Run) -> None:
    done = edgebuild("init", "--target", "cortex-m7", "--target", "pico2", "--model", 'a"b.h5')
    assert done.status == 0
    assert "set data.calibration next" in done.err
    build = config.load(here / "edgebuild.toml")
    assert build.targets == ("cortex-m7", "pico2")
    assert build.model == here / 'a"b.h5'


def test_init_does_not_choose_between_models(here: Path, edgebuild: Run) -> None:
    (here / "a.h5").touch()
    (here / "b").mkdir()
    (here / "b" / "saved_model.pb").touch()
    assert edgebuild("init").err == "wrote edgebuild.toml\n  set model.path next; models here: a.h5, b\n"
    assert "model" not in config.read(here / "edgebuild.toml").values


def test_init_refuses_to_overwrite(here: Path, edgebuild: Run) -> None:
    (here / "edgebuild.toml").write_text("# mine")
    done = edgebuild("init")
    assert done.status == 2
    assert done.err == "error: edgebuild.toml: is already here\n  remedy: edit it, or remove it first\n"
    assert (here / "edgebuild.toml").read_text() == "# mine"


def test_init_refuses_an_unknown_target(here: Path, edgebuild: Run) -> None:
    assert edgebuild("init", "--target", "cortex-m5").status == 2
    assert not (here / "edgebuild.toml").exists()


def built(folder: Path) -> Path:
    """An output folder as a build leaves it."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "net.c").write_text("int x;")
    (folder / "net.h").write_text("#pragma once")
    files = [
        {"path": name, "bytes": 0, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        for name in ("src/net.c", "net.h")
    ]
    report = {"schema_version": 1, "edgebuild": "0.1.0", "files": files}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_clean_removes_what_was_built(here: Path, edgebuild: Run) -> None:
    built(here / "build" / "cortex-m4")
    done = edgebuild("clean")
    assert done.status == 0
    assert not (here / "build").exists()


def test_clean_leaves_what_is_not_its_own(here: Path, edgebuild: Run) -> None:
    folder = built(here / "out" / "cortex-m4")
    (folder / "net.h").write_text("// changed by hand")
    (folder / "mine.txt").touch()
    done = edgebuild("clean", "--output", "out")
    assert done.status == 0
    assert f"warning: {folder / 'net.h'} was changed after the build and stays\n" in done.err
    assert sorted(p.name for p in folder.rglob("*")) == ["mine.txt", "net.h"]


@pytest.mark.parametrize("text", ['{"files": []}', "not json", "[]", '{"files": [{"path": "x"}]}'])
def test_clean_leaves_a_report_of_somebody_else(here: Path, edgebuild: Run, text: str) -> None:
    (here / "build").mkdir()
    (here / "build" / "report.json").write_text(text)
    assert edgebuild("clean").status == 0
    assert (here / "build" / "report.json").exists()


def test_clean_never_leaves_its_folder(here: Path, edgebuild: Run) -> None:
    folder = built(here / "build" / "t")
    outside = here / "precious"
    outside.write_text("x")
    (folder / "link").symlink_to(outside)
    digest = hashlib.sha256(b"x").hexdigest()
    report = json.loads((folder / "report.json").read_text())
    report["files"] += [{"path": path, "sha256": digest} for path in ("../../precious", str(outside), "link")]
    (folder / "report.json").write_text(json.dumps(report))
    edgebuild("clean")
    assert outside.exists()


def test_clean_where_nothing_is(here: Path, edgebuild: Run) -> None:
    assert edgebuild("clean").status == 0
