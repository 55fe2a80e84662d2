"""The Python interface does what the command does."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgebuild
from edgebuild import ops
from edgebuild.errors import BudgetError
from tests.write_tflite import write


def test_build_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("net.tflite").write_bytes(write(next(iter(ops.find("conv_2d").cases())).graph))
    report = edgebuild.build("net.tflite", "host", "out", packages=["c_library"])
    assert report.emulation is not None
    assert report.emulation["mismatched_bytes"] == 0
    assert (tmp_path / "out/host/c_library/include/net.h").is_file()
    assert edgebuild.build("net.tflite", "host", "out", packages=["c_library"]).up_to_date
    with pytest.raises(BudgetError):
        edgebuild.build("net.tflite", "host", "out", packages=["c_library"], budget__ram=16)
