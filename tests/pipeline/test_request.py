"""When a bundle is out of date: every setting counts, and nothing that only says where things are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgebuild import config, ops
from edgebuild.config import Budget, Config, DataSource, Gates, Step
from edgebuild.pipeline.request import _CONTENT, _WHERE, Request
from tests.write_tflite import write


@pytest.fixture
def plain(tmp_path: Path) -> Config:
    (tmp_path / "net.tflite").write_bytes(write(next(ops.find("conv_2d").cases()).graph))
    for name in ("data.npz", "labels.txt"):
        (tmp_path / name).write_text("a\n")
    return config.load(None, {"model.path": str(tmp_path / "net.tflite"), "targets": ["cortex-m4"]})


def changed(plain: Config, name: str) -> object:
    """Another value of one setting."""
    folder = plain.model.parent
    others: dict[str, object] = {
        "output": folder / "elsewhere",
        "labels": folder / "labels.txt",
        "custom": folder / "labels.txt",
        "calibration": DataSource("npz", folder / "data.npz"),
        "evaluation": DataSource("npz", folder / "data.npz"),
        "training": DataSource("npz", folder / "data.npz"),
        "validation": DataSource("npz", folder / "data.npz"),
        "loss": DataSource("python", folder / "labels.txt", "loss"),
        "metric": DataSource("python", folder / "labels.txt", "metric"),
        "steps": (Step("prune", {"sparsity": 0.5}),),
        "precision": "float16",
        "quantization": {"ranges": "mse"},
        "engine": "c",
        "io": "float32",
        "name": "other",
        "optimize": "size",
        "memory": "least",
        "input": "pushed",
        "skip_passes": ("drop_channels",),
        "budget": Budget(ram=1000),
        "gates": Gates(accuracy_drop=0.5),
        "packages": ("c_array",),
        "timeout": 7,
    }
    value = getattr(plain, name)
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else others.get(name, value)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Config)])
def test_every_setting_counts(field: str, plain: Config) -> None:
    value = changed(plain, field)
    before = Request.of(plain, "cortex-m4").key
    after = Request.of(dataclasses.replace(plain, **{field: value}), "cortex-m4").key
    if field == "model":
        assert value == plain.model  # another one is another file: see the next test
    elif field in _CONTENT:
        assert after != before
    elif field in _WHERE:
        assert after == before
    else:
        assert value != getattr(plain, field), f"give {field} another value here"
        # the engine that is the default anyway changes nothing in the bundle, but asking for it is harmless
        assert after != before


def test_content_counts_and_its_place_does_not(plain: Config, tmp_path: Path) -> None:
    """The same data in another file is the same data."""
    other = tmp_path / "other.npz"
    other.write_bytes((tmp_path / "data.npz").read_bytes())
    asked = [
        Request.of(dataclasses.replace(plain, calibration=DataSource("npz", path)), "cortex-m4")
        for path in (tmp_path / "data.npz", other)
    ]
    assert asked[0].asked == asked[1].asked
    assert asked[0].model_key == asked[1].model_key
    other.write_text("b\n")
    changed_ = Request.of(dataclasses.replace(plain, calibration=DataSource("npz", other)), "cortex-m4")
    assert changed_.model_key != asked[0].model_key


def test_the_date_counts(plain: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Request.of(plain, "cortex-m4").key
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert Request.of(plain, "cortex-m4").key != before
