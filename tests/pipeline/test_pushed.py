"""A model whose input comes row by row: proven like any other, in less RAM, with an example that pushes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import pipeline
from edgebuild.errors import UsageError
from tests import zoo
from tests.pipeline.conftest import settings

pytestmark = pytest.mark.qemu


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m55"])
def test_the_whole_input_never_exists(target: str, tmp_path: Path) -> None:
    model = zoo.tflite("visual_wake_words")  # 96 x 96 x 3: 27,648 bytes of input
    given = {"model__input": "pushed", "packages": ["c_library", "firmware"]}
    report = pipeline.build(settings(model, tmp_path, target, **given), target)
    assert report.emulation is not None and report.ram is not None
    assert report.emulation["mismatched_bytes"] == 0
    assert report.ram["total"] < 27_648  # type: ignore[operator]
    steps = report.emulation["per_operator"]
    assert steps[0]["op"] == "STREAM" and steps[0]["instructions"] > 0
    assert sum(step["instructions"] for step in steps) <= report.emulation["instructions"]
    library = tmp_path / target / "c_library"
    header = (library / "include/visual_wake_words.h").read_text()
    assert "void visual_wake_words_push(void *arena, const int8_t *row);" in header
    assert "visual_wake_words_push(arena, " in (library / "example/example_main.c").read_text()


def test_only_where_code_can_push(tmp_path: Path) -> None:
    build = settings(zoo.tflite("keyword_spotting"), tmp_path, "rpi-zero", model__input="pushed")
    with pytest.raises(UsageError, match="is for microcontrollers and host, and rpi-zero is linux"):
        pipeline.build(build, "rpi-zero")
    with pytest.raises(UsageError, match="is for microcontrollers and host"):
        pipeline.check(build, "rpi-zero")
