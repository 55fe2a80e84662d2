"""What holds for every precision, and how the converter's words become an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgebuild import convert
from edgebuild.convert import Port, Source, _converter, _frozen
from edgebuild.errors import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", convert.names())
def test_a_precision_describes_itself(name: str) -> None:
    precision = convert.find(name)
    assert precision.borders
    assert set(precision.borders) <= {"int8", "float32"}
    assert precision.calibrates == name.startswith("int")


@pytest.mark.parametrize("name", convert.names())
def test_finding_one_imports_no_tensorflow(name: str) -> None:
    code = (
        "import sys; from edgebuild import convert;"
        f"convert.find({name!r}); sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("message", "operators"),
    [
        ("x.py:1:0: error: 'tf.Erfc' op is neither a custom op nor a flex op\n", "Erfc"),
        (
            "Some ops are not supported by the native TFLite runtime\nTF Select ops: BatchMatMulV3, Erfc\nDetails:\n",
            "BatchMatMulV3, Erfc",
        ),
        ("failed to legalize operation 'tf.TensorListReserve' that was explicitly marked", "TensorListReserve"),
        ("Quantization not yet supported for op: 'CUSTOM'", "CUSTOM"),
    ],
)
def test_the_operators_in_the_converters_words(message: str, operators: str) -> None:
    error = _converter.refusal("net.h5", message)
    assert error.exit_code == ExitCode.UNSUPPORTED
    assert str(error) == (
        f"net.h5: TensorFlow's converter has no TFLite operator for {operators}\n"
        "  remedy: replace the layer; for recurrent layers, unroll=True often helps"
    )


def test_words_without_an_operator_are_passed_on() -> None:
    assert str(_converter.refusal("net.h5", "\n  it did not work  \nmore")) == (
        "net.h5: TensorFlow's converter refuses it\n  it did not work\n"
        "  remedy: replace the layer; for recurrent layers, unroll=True often helps"
    )


@pytest.mark.parametrize(
    ("names", "model", "layers", "expected"),
    [
        (["net_1/conv_1/Conv2D", "net_1/x"], "net", ("conv",), ["conv/Conv2D", "x"]),
        (["net/conv_1/Relu"], "net", ("conv", "conv_1"), ["conv_1/Relu"]),
        (["StatefulPartitionedCall/StatefulPartitionedCall_1/a/b"], "", (), ["a/b"]),
        (["net/a", "a"], "net", (), ["net/a", "a"]),
        (["net/a", "net_1/a"], "net", (), ["a", "net_1/a"]),
        (["image", "Identity"], "net", ("image",), ["image", "Identity"]),
    ],
    ids=["keras-3", "a-layer-with-a-number", "saved-model", "taken", "taken-by-another", "plain"],
)
def test_names_of_the_layers(names: list[str], model: str, layers: tuple[str, ...], expected: list[str]) -> None:
    source = Source("net.h5", model, lambda x: [x], (Port("x", (1, 2), "float32"),), layers, ())
    assert list(_frozen._names(names, source).values()) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("image", "image"), ("my input:1", "my_input_1"), ("_hidden", "input_hidden"), ("größe", "gr__e")],
)
def test_names_of_inputs(name: str, expected: str) -> None:
    assert _frozen._identifier(name) == expected
