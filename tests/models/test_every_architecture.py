"""What holds for every student: widths order its cost, and targets can run it.  No TensorFlow."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from edgebuild import models, ops
from edgebuild.errors import UsageError
from edgebuild.ir.verify import verify
from edgebuild.models import Net
from edgebuild.pipeline.device import total_macs
from edgebuild.target import load

IMAGE = (28, 28, 1)
SOUND = (49, 10, 1)


def net(name: str, width: float, shape: models.Shape = IMAGE) -> Net:
    return models.describe(name, shape, shape if models.find(name).reconstructs else (10,), width)


@pytest.mark.parametrize("name", models.names())
def test_a_wider_student_costs_more(name: str) -> None:
    macs = [total_macs(models.graph(net(name, width), softmax=False)) for width in (0.1, 0.25, 0.5, 1.0)]
    assert macs == sorted(set(macs))
    assert models.find(name).title


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("name", models.names())
def test_every_target_can_run_it(name: str, target: str) -> None:
    for shape in (IMAGE, SOUND):
        graph = models.graph(net(name, 0.25, shape), softmax=True)
        verify(graph)
        ops.check(graph, load.load(target).operators, target)


@pytest.mark.parametrize("name", models.names())
def test_layers_have_names_of_their_own_and_inputs_before_them(name: str) -> None:
    described, known = net(name, 0.5), {""}
    for layer in described.layers:
        assert layer.name not in known
        assert set(layer.inputs) <= known
        known.add(layer.name)


def test_an_image_is_not_halved_away() -> None:
    for name in models.names():
        if not models.find(name).reconstructs:
            extents = [min(layer.shape[:2]) for layer in net(name, 0.25).layers if len(layer.shape) == 3]
            assert min(extents) >= 3


def test_published_sizes() -> None:
    """MLPerf Tiny's networks for spotting keywords and for visual wake words, layer by layer."""

    def weights(described: Net) -> int:
        graph = models.graph(described, softmax=False)
        return sum(tensor.elements for tensor in graph.tensors if tensor.constant and len(tensor.shape) > 1)

    spotting = models.describe("ds_cnn", SOUND, (12,), 1.0)
    assert weights(spotting) == 10 * 4 * 64 + 4 * (9 * 64 + 64 * 64) + 64 * 12
    assert spotting.layers[0].shape == (25, 5, 64)
    wake = models.describe("mobilenet_v1", (96, 96, 3), (2,), 0.25)
    widths = [8, 16, 32, 32, 64, 64, *[128] * 6, 256, 256]
    blocks = sum(9 * before + before * after for before, after in itertools.pairwise(widths))
    assert weights(wake) == 9 * 3 * 8 + blocks + 2 * 256
    assert wake.layers[-3].shape == (3, 3, 256)


@pytest.mark.parametrize(
    ("count", "width", "expected"),
    [(64, 0.5, 32), (64, 0.3, 20), (64, 0.01, 1), (10, 0.5, 5), (3, 0.5, 2), (64, 1.5, 96), (8, 0.3, 2)],
)
def test_channels_are_multiples_of_four_where_there_are_as_many(count: int, width: float, expected: int) -> None:
    assert models.channels(count, width) == expected


@pytest.mark.parametrize(
    ("name", "shape", "outputs", "rule"),
    [
        (
            "ds_cnn",
            (640,),
            (2,),
            "takes images (height, width, channels), and the model's input has the shape (640,)",
        ),
        ("resnet_8", (2, 9, 1), (2,), "takes images of 3 x 3 at least, and the model's are 2 x 9"),
        ("resnet_8", IMAGE, IMAGE, f"tells classes apart, and the model's output has the shape {IMAGE}"),
        (
            "autoencoder",
            (9,),
            (2,),
            "gives back what it is given, and the model's output has the shape (2,), its input (9,)",
        ),
    ],
)
def test_refusals(name: str, shape: models.Shape, outputs: models.Shape, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        models.describe(name, shape, outputs, 1.0)
    remedy = "choose another student: edgebuild suggest lists those that fit"
    assert str(caught.value) == f"student {name!r}: {rule}\n  remedy: {remedy}"


def test_an_unknown_architecture() -> None:
    with pytest.raises(UsageError) as caught:
        models.find("mobilnet_v1")
    text = "student 'mobilnet_v1': there is no such architecture\n  remedy: did you mean 'mobilenet_v1'?"
    assert str(caught.value) == text


def test_finding_one_imports_no_tensorflow() -> None:
    code = (
        "import sys; from edgebuild import models;"
        "models.graph(models.describe('ds_cnn', (9, 9, 1), (3,), 1.0), softmax=True);"
        "sys.exit('tensorflow' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
