"""Archives are the same bytes each time, and files lie where Android wants them."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.packagers import zipped

FILES = {"b.so": b"b" * 70, "a/c.txt": b"text" * 50, "a.so": b"a", "n.arsc": b"xyz"}


def test_order_date_and_mode(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    content = zipped(FILES, stored=(".so",))
    assert content == zipped(dict(reversed(FILES.items())), stored=(".so",))
    entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert [entry.filename for entry in entries] == sorted(FILES)
    assert {(entry.date_time, entry.external_attr, entry.create_system) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644 << 16, 3)
    }
    assert [entry.compress_type for entry in entries] == [0, 8, 0, 8]


def test_the_date_is_the_users(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (entry,) = zipfile.ZipFile(io.BytesIO(zipped({"a": b""}))).infolist()
    assert entry.date_time == (2023, 11, 14, 22, 13, 20)


@given(st.dictionaries(st.text("abc.so", min_size=1).map(lambda n: f"{n}.so"), st.binary(max_size=40), min_size=1))
def test_alignment(files):
    content = zipped(files | FILES, stored=(".so", ".arsc"), aligned={".so": 0x4000, ".arsc": 4})
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    for entry in archive.infolist():
        name, extra = struct.unpack_from("<HH", content, entry.header_offset + 26)
        place = entry.header_offset + 30 + name + extra
        wanted = {".so": 0x4000, "arsc": 4}
        assert all(place % page == 0 for ending, page in wanted.items() if entry.filename.endswith(ending))
        assert archive.read(entry.filename) == (files | FILES)[entry.filename]


@pytest.mark.parametrize("path", ["maven/x.aar", "é.txt"])
def test_names(path):
    assert zipfile.ZipFile(io.BytesIO(zipped({path: b"1"}))).namelist() == [path]
