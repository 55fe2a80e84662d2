"""Samples drawn one by one or in batches; what looks like a dataset is one, so no TensorFlow is needed here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild.config import DataSource
from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import samples, streams
from edgebuild.worker.samples import Samples

X = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
Y = np.array([0, 2, 1, 0])

HEAD = """
import itertools
import numpy as np

X = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
Y = np.array([0, 2, 1, 0])


class Dataset:
    def __init__(self, elements, cardinality=None):
        self.elements = elements
        self.size = len(elements) if cardinality is None else cardinality

    def cardinality(self):
        return np.int64(self.size)

    def as_numpy_iterator(self):
        return iter(self.elements)

    def __iter__(self):
        raise AssertionError("elements are asked for as arrays")


class Sequence:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[2 * index : 2 * index + 2], Y[2 * index : 2 * index + 2]


def samples():
"""


ONE = (Input("image", (1, 2, 3), "float32"),)


def read(folder: Path, body: str, inputs: tuple[Input, ...] = ONE) -> Samples:
    """What a function with the body ``body`` gives to a model that takes (2, 3)."""
    file = folder / "data.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    return samples.read(DataSource("python", file, "samples"), "training", inputs, 1)


@pytest.mark.parametrize(
    "body",
    [
        "return Dataset(list(zip(X, Y)))",
        "return Dataset(list(zip(X, Y)), cardinality=-2)",  # unknown
        "return Dataset([(X[:3], Y[:3]), (X[3:], Y[3:])])",
        "return Dataset([(X[:3], Y[:3, None]), (X[3:], Y[3:, None])])",
        "return Dataset([(X[:2], np.eye(3)[Y[:2]]), (X[2:], np.eye(3)[Y[2:]])])",
        "return zip(X, Y)",
        "yield from zip(X, Y)",
        "for x, y in zip(X, Y):\n    yield x.tolist(), int(y)",
        "return Sequence()",
    ],
    ids="single unknown batched column one-hot zip generator lists sequence".split(),
)
def test_drawn_in_order(tmp_path: Path, body: str) -> None:
    found = read(tmp_path, body)
    assert found.x.dtype == np.float32
    assert np.array_equal(found.x, X)
    assert found.y is not None
    assert found.y.tolist() == Y.tolist()


def test_without_labels(tmp_path: Path) -> None:
    for body in ("return Dataset(list(X))", "return Dataset([X[:3], X[3:]])", "yield X"):
        found = read(tmp_path, body)
        assert np.array_equal(found.x, X)
        assert found.y is None
        samples.user_code._modules.clear()


def test_random_data_are_the_same_each_time(tmp_path: Path) -> None:
    body = "for _ in range(3):\n    yield np.random.rand(2, 3)"
    one = read(tmp_path, body).x
    np.random.rand(5)
    assert np.array_equal(one, read(tmp_path, body).x)


def test_arrays_are_no_streams() -> None:
    class Tensor:
        def __array__(self) -> Any:
            return X

        def __iter__(self) -> Iterator[Any]:
            return iter(X)

    assert not any(streams.is_stream(one) for one in (X, X.tolist(), (X, Y), {"x": X}, 3, Tensor()))
    assert streams.is_stream(itertools.repeat(1))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "return Dataset([], cardinality=-1)",
            "returned a dataset without an end\n  remedy: leave out .repeat(), or end the dataset with .take(n)",
        ),
        (
            "return Dataset(itertools.cycle([(X, Y)]), cardinality=-2)",
            "has not ended after 12 samples, and does not say how many it has\n"
            "  remedy: leave out .repeat(), or end the dataset with .take(n)",
        ),
        (
            "return itertools.cycle(zip(X, Y))",
            "has not ended after 11 samples, and does not say how many it has\n"
            "  remedy: let it end, for example with itertools.islice(…, n)",
        ),
        (
            "return Dataset([{'image': X[0], 'label': 1}])",
            "gives x as a dict of 'image', 'label', but the model has one input\n"
            "  remedy: give x, or (x, y), of arrays: of a dataset for example with .map(lambda one: (…, …))",
        ),
        (
            "return Dataset([(X[0], 1, 0.5)])",
            "gives x as a tuple of 3, but the model has one input\n"
            "  remedy: give x, or (x, y), of arrays: of a dataset for example with .map(lambda one: (…, …))",
        ),
        (
            "return Dataset([(X[0], {'class': 1})])",
            "gives y as a dict\n  remedy: give one label, or one array of targets, a sample",
        ),
        (
            "return Dataset([(X[0, :1], 1)])",
            "the training data has elements of the shape (1, 3), but the model wants (2, 3) or batches of it\n"
            "  remedy: reshape them, or prepare them as for training",
        ),
        (
            "return Dataset([3.0])",
            "the training data has elements of the shape (), but the model wants (2, 3) or batches of it\n"
            "  remedy: reshape them, or prepare them as for training",
        ),
        (
            "return Dataset([(X, Y[:3])])",
            "gives a batch of 4 samples with 3 labels\n  remedy: give one label a sample",
        ),
        (
            "return Dataset([(X, 1)])",
            "gives a batch of 4 samples with one value\n  remedy: give one label a sample",
        ),
        (
            "return [(X[0], 1), X[0]].__iter__()",
            "gives labels with some samples only\n  remedy: give (x, y) for every sample",
        ),
        (
            "return Dataset([(X[0], np.zeros(2)), (X[1], np.zeros(3))])",
            "gives labels of the shapes (2,) and (3,)\n  remedy: give all the same shape",
        ),
        (
            "yield [[1, 2], [3]]",
            "gives what makes no array\n"
            "  setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 "
            "dimensions. The detected shape was (2,) + inhomogeneous part.\n"
            "  remedy: give x, or (x, y), of numbers",
        ),
        ("return Dataset([])", "the training data is empty\n  remedy: give some samples"),
        (
            "yield X[0]\nraise ValueError('torn')",
            "raised ValueError: torn\n  data.py:34: raise ValueError('torn')\n  remedy: mend the function",
        ),
    ],
    ids=(
        "endless unknown cycle dict triple label-dict shape scalar few-labels one-label some-labels label-shapes "
        "ragged empty raises"
    ).split(),
)
def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, text: str) -> None:
    monkeypatch.setattr(streams, "MOST_SAMPLES", 10)
    with pytest.raises(UsageError) as caught:
        read(tmp_path, body)
    assert str(caught.value) == f"{tmp_path}/data.py:samples: {text}"


TWO = (Input("image", (1, 2, 3), "float32"), Input("more", (1, 4), "float32"))
MORE = "M = np.arange(16, dtype=np.float32).reshape(4, 4)\n"


@pytest.mark.parametrize(
    "body",
    [
        "return {'more': M, 'image': X}, Y",
        "return [X, M], Y",
        "return (X, M), Y",
        "return Dataset([({'more': M[i], 'image': X[i]}, Y[i]) for i in range(4)])",
        "return Dataset([((X[:3], M[:3]), Y[:3]), ((X[3:], M[3:]), Y[3:])])",
        "for x, m, y in zip(X, M, Y):\n    yield [x, m], y",
    ],
    ids="dict list tuple dataset batches generator".split(),
)
def test_several_inputs(tmp_path: Path, body: str) -> None:
    found = read(tmp_path, MORE + body, TWO)
    assert [x.shape for x in found.xs] == [(4, 2, 3), (4, 4)]
    assert np.array_equal(found.xs[0], X)
    assert np.array_equal(found.xs[1], np.arange(16).reshape(4, 4))
    assert found.y is not None
    assert found.y.tolist() == Y.tolist()


def test_several_inputs_without_labels(tmp_path: Path) -> None:
    for body in ("return {'image': X, 'more': M}", "return [X, M]", "yield {'image': X, 'more': M}", "yield [X, M]"):
        found = read(tmp_path, MORE + body, TWO)
        assert np.array_equal(found.xs[0], X)
        assert found.y is None
        samples.user_code._modules.clear()


BY_NAME = "give x as a dict by these names, or as a list in this order; with labels (x, y)"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "return X, M",  # a tuple of two is (x, y)
            f": gives x as one array, but the model has the inputs 'image', 'more'\n  remedy: {BY_NAME}",
        ),
        (
            "return {'image': X, 'mroe': M}, Y",
            f": gives x as a dict of 'image', 'mroe', but the model has the inputs 'image', 'more'\n"
            f"  remedy: {BY_NAME}",
        ),
        (
            "return [X, M, M], Y",
            f": gives x as a list of 3, but the model has the inputs 'image', 'more'\n  remedy: {BY_NAME}",
        ),
        (
            "return [X, M[:, :3]], Y",
            ", input 'more': the training data has the shape (4, 3), but the model wants (n, 4)\n"
            "  remedy: reshape it, or prepare it as for training",
        ),
        (
            "return [X, M[:3]], Y",
            ": has not as many samples of each input: 4 of 'image', 3 of 'more'\n  remedy: give one of each a sample",
        ),
        (
            "yield [X, M[:3]], Y",
            ", input 'more': the training data has elements of the shape (3, 4), but the model wants (4,) or batches "
            "of it\n  remedy: reshape them, or prepare them as for training",
        ),
        (
            "yield [X[0], M], 1",
            ", input 'more': the training data has elements of the shape (4, 4), but the model wants (4,)\n"
            "  remedy: reshape them, or prepare them as for training",
        ),
    ],
    ids="two name three shape count batch single".split(),
)
def test_several_inputs_refused(tmp_path: Path, body: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, MORE + body, TWO)
    assert str(caught.value) == f"{tmp_path}/data.py:samples{text}"


def test_several_inputs_in_files(tmp_path: Path) -> None:
    more = np.arange(16, dtype=np.float32).reshape(4, 4)
    (tmp_path / "folder").mkdir()
    for name, array in (("x0", X), ("x1", more), ("y", Y)):
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    np.savez(tmp_path / "data.npz", x0=X, x1=more, y=Y)
    for source in (DataSource("npz", tmp_path / "data.npz"), DataSource("npy", tmp_path / "folder")):
        found = samples.read(source, "training", TWO, 1)
        assert np.array_equal(found.xs[1], more)
        assert found.y is not None
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    (tmp_path / "folder" / "x1.npy").unlink()
    for source, text in (
        (
            DataSource("npz", tmp_path / "data.npz"),
            "data.npz: has no array 'x0'; it has x, y\n  remedy: write it with numpy.savez(path, x0=…, x1=…, y=…)",
        ),
        (
            DataSource("npy", tmp_path / "folder"),
            "folder: has no x1.npy\n  remedy: write the samples with numpy.save(folder / 'x1.npy', x)",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            samples.read(source, "training", TWO, 1)
        assert str(caught.value) == f"{tmp_path}/{text}"
