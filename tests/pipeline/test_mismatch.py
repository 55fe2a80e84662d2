"""A kernel that computes one byte wrong is found and named, and nothing is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebuild import kernels, ops, pipeline
from edgebuild.errors import MismatchError
from edgebuild.ops.average_pool_2d import AveragePool2D
from tests import zoo
from tests.pipeline.conftest import settings


@pytest.fixture
def broken_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An average pool whose generated clamp is too narrow, while its definition stays right."""
    (right,) = ops.find("average_pool_2d").kernels
    assert isinstance(right, ops.Portable)

    def make(node, graph):
        call = right.make(node, graph)
        return dataclasses.replace(call, scalars={**call.scalars, "output_max": -128})

    monkeypatch.setattr(AveragePool2D, "kernels", (dataclasses.replace(right, make=make),))
    kernels.of.cache_clear()
    yield
    kernels.of.cache_clear()


def test_the_first_wrong_operator_is_named(broken_pool: None, tmp_path: Path) -> None:
    build = settings(zoo.tflite("keyword_spotting"), tmp_path / "out", "host", packages=["c_library"])
    with pytest.raises(MismatchError) as wrong:
        pipeline.build(build, "host", use_cache=False)
    assert str(wrong.value).startswith("keyword_spotting on host: ")
    assert "output bytes of 4 inferences differ from tflm's" in str(wrong.value)
    named = "the first operator that differs is AVERAGE_POOL_2D 'model/average_pooling2d', node 9"
    assert f"{named}, kernel average_pool_2d/portable.c.j2" in str(wrong.value)
    assert not (tmp_path / "out").exists()
