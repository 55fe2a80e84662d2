"""What a Debian package depends on, and where a model may be cut."""

from __future__ import annotations

from pathlib import Path

from edgebuild import frontends
from edgebuild.pipeline import _linux_softmax
from edgebuild.pipeline._linux_files import depends
from edgebuild.pipeline.model import Model
from tests import zoo

HEADERS = """
Dynamic Section:
  NEEDED               libstdc++.so.6
  NEEDED               libgcc_s.so.1
  NEEDED               libc.so.6

Version References:
  required from libc.so.6:
    0x06969197 0x00 23 GLIBC_2.17
    0x069691b4 0x00 19 GLIBC_2.34
    0x06969187 0x00 24 GLIBC_2.9
  required from libstdc++.so.6:
    0x0297f879 0x00 13 GLIBCXX_3.4.29
    0x0297f840 0x00 27 GLIBCXX_3.4.30
    0x08922974 0x00 05 GLIBCXX_3.4
"""


def test_the_newest_version_counts() -> None:
    assert depends(HEADERS) == ("libc6 (>= 2.34)", "libgcc-s1", "libstdc++6 (>= 12)")


def test_a_newer_library_than_is_known() -> None:
    assert depends("  NEEDED libstdc++.so.6\n 0x0 0x00 27 GLIBCXX_3.4.99\n") == ("libstdc++6",)


def test_nothing_for_a_static_program() -> None:
    assert depends("program: file format elf32-littlearm\n") == ()


def model(name: str) -> Model:
    content = zoo.tflite(name).read_bytes()
    return Model(content, frontends.find("tflite").read(content, name, name), None)


def test_the_cut_ends_at_the_logits() -> None:
    whole = model("keyword_spotting")
    node = _linux_softmax.first(whole.graph)
    assert node is not None and _linux_softmax.last(whole.graph)
    part = _linux_softmax.before(whole, str(Path("keyword_spotting.tflite")))
    assert part is not None
    assert part.graph.inputs == whole.graph.inputs and part.graph.outputs == (node.inputs[0],)
    assert _linux_softmax.first(part.graph) is None
    (logits,) = (part.graph.tensors[i] for i in part.graph.outputs)
    assert (logits.dtype.value, logits.shape) == ("int8", (1, 12))


def test_no_cut_without_softmax() -> None:
    whole = model("anomaly_detection")
    assert _linux_softmax.first(whole.graph) is None and _linux_softmax.before(whole, "x") is None
