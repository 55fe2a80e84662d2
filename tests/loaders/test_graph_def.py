"""A SavedModel's operations, read from the wire format, against TensorFlow's own protobuf."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild import loaders
from edgebuild.errors import UsageError
from edgebuild.loaders import _graph_def
from edgebuild.loaders._graph_def import Operation


@pytest.mark.tensorflow
@pytest.mark.slow
def test_reads_what_tensorflow_reads(models: Path) -> None:
    expected = [Operation(*one) for one in json.loads((models / "operations.json").read_text())]
    assert len(expected) > 50
    assert list(_graph_def.read((models / "exported" / "saved_model.pb").read_bytes())) == expected


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_graph_that_writes_a_file_is_refused_unread(models: Path) -> None:
    folder = models / "writer"
    with pytest.raises(UsageError) as caught:
        loaders.find("saved_model").inspect(folder, allow_unsafe=False)
    assert str(caught.value) == (
        f"{folder}: holds operations that do more than compute, or that edgebuild does not know to be safe\n"
        "  WriteFile (WriteFile)\n"
        "  remedy: export the model without them; --allow-unsafe-model loads it all the same, and runs what it contains"
    )
    assert loaders.find("saved_model").inspect(folder, allow_unsafe=True).writer == "TensorFlow"


@pytest.mark.parametrize(
    ("operation", "harmless"),
    [
        (Operation("Conv2D", "net/conv", ""), True),
        (Operation("RestoreV2", "r", "__inference__traced_restore_12"), True),
        (Operation("SaveV2", "s", "__inference__traced_save_12"), True),
        (Operation("RestoreV2", "r", ""), False),
        (Operation("SaveV2", "s", "__inference_serve_3"), False),
        (Operation("ReadFile", "f", ""), False),
        (Operation("PyFunc", "p", "__inference_serve_3"), False),
        (Operation("NewOperation", "n", ""), False),
    ],
)
def test_which_operations_are_let_through(operation: Operation, harmless: bool) -> None:
    if harmless:
        _graph_def.vet((operation,), "folder")
    else:
        with pytest.raises(UsageError) as caught:
            _graph_def.vet((operation,), "folder")
        assert caught.value.details == (f"{operation.op} ({operation.name})",)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        found = _graph_def.read(raw)
    except ValueError:
        return
    assert found
