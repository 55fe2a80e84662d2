"""Data that is not what the model takes: each case has its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild.config import DataSource
from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import samples
from edgebuild.worker.samples import Samples

SHAPE = (1, 2, 3, 1)
GOOD = np.arange(24, dtype=np.float64).reshape(4, 2, 3, 1)


def inputs(dtype: str) -> tuple[Input, ...]:
    return (Input("image", SHAPE, dtype),)


def read(folder: Path, dtype: str = "float32", **arrays: Any) -> Samples:
    np.savez(folder / "data.npz", **arrays)
    return samples.read(DataSource("npz", folder / "data.npz"), "calibration", inputs(dtype), 1)


def refusal(source: DataSource | Path, dtype: str = "float32", **arrays: Any) -> str:
    """The whole text of the refusal, without the folder."""
    if isinstance(source, Path):
        np.savez(source / "data.npz", **arrays)
        source = DataSource("npz", source / "data.npz")
    with pytest.raises(UsageError) as caught:
        samples.read(source, "calibration", inputs(dtype), 1)
    return str(caught.value).replace(str(source.path.parent), "…")


def test_npz_and_folder_and_function_say_the_same(tmp_path: Path) -> None:
    labels = np.array([0, 2, 1, 0])
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder" / "x.npy", GOOD)
    np.save(tmp_path / "folder" / "y.npy", labels)
    (tmp_path / "data.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport numpy as np\n"
        "@dataclass\nclass Part:\n    count: int\n"
        "def both():\n    return np.arange(24.0).reshape(Part(4).count, 2, 3, 1), [0, 2, 1, 0]\n"
    )
    sources = (
        DataSource("npy", tmp_path / "folder"),
        DataSource("python", tmp_path / "data.py", "both"),
    )
    for found in (
        read(tmp_path, x=GOOD, y=labels),
        *(samples.read(s, "training", inputs("float32"), 1) for s in sources),
    ):
        assert found.x.dtype == np.float32
        assert np.array_equal(found.x, GOOD)
        assert found.y is not None
        assert found.y.dtype == np.int64
        assert found.y.tolist() == [0, 2, 1, 0]


def test_labels_in_other_clothes(tmp_path: Path) -> None:
    column = read(tmp_path, x=GOOD, y=np.array([[0.0], [2.0], [1.0], [0.0]]))
    one_hot = read(tmp_path, x=GOOD, y=np.eye(3)[[0, 2, 1, 0]])
    for found in (column, one_hot):
        assert found.y is not None
        assert found.y.tolist() == [0, 2, 1, 0]
        assert found.y.dtype == np.int64
    targets = read(tmp_path, x=GOOD, y=np.full((4, 2), 0.5))
    assert targets.y is not None
    assert targets.y.shape == (4, 2)


def test_images_of_bytes_become_what_the_model_takes(tmp_path: Path) -> None:
    found = read(tmp_path, x=np.full((1, 2, 3, 1), 255, np.uint8))
    assert found.x.dtype == np.float32
    assert found.x.max() == 255


def test_samples_are_spread_evenly() -> None:
    assert samples.spread(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert samples.spread(np.arange(3), 4).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (
            {"x": np.zeros((4, 2, 3))},
            "…/data.npz: the calibration data has the shape (4, 2, 3), but the model wants (n, 2, 3, 1)\n"
            "  remedy: add the channel: x[..., numpy.newaxis]",
        ),
        (
            {"x": np.zeros((4, 7))},
            "…/data.npz: the calibration data has the shape (4, 7), but the model wants (n, 2, 3, 1)\n"
            "  remedy: reshape it, or prepare it as for training",
        ),
        (
            {"x": np.zeros(4)},
            "…/data.npz: the calibration data has the shape (4,), but the model wants (n, 2, 3, 1)\n"
            "  remedy: reshape it, or prepare it as for training",
        ),
        (
            {"x": np.zeros((0, 2, 3, 1))},
            "…/data.npz: the calibration data is empty\n  remedy: give some samples",
        ),
        (
            {"x": np.full((1, 2, 3, 1), np.nan)},
            "…/data.npz: the calibration data holds NaN or infinity\n  remedy: remove those samples",
        ),
        (
            {"x": np.full((1, 2, 3, 1), "a")},
            "…/data.npz: x is of the type <U1, but the model takes float32\n  remedy: give an array of numbers",
        ),
        (
            {"images": GOOD, "y": np.zeros(4)},
            "…/data.npz: has no array 'x'; it has images, y\n  remedy: write it with numpy.savez(path, x=…, y=…)",
        ),
        (
            {"x": GOOD, "y": np.zeros(3)},
            "…/data.npz: has 4 samples but 3 labels\n  remedy: give one label a sample",
        ),
        (
            {"x": GOOD, "y": np.float64(1)},
            "…/data.npz: has 4 samples but one value\n  remedy: give one label a sample",
        ),
        (
            {"x": GOOD, "y": np.array(list("abcd"))},
            "…/data.npz: y is of the type <U1\n  remedy: give numbers: the index of each sample's class",
        ),
    ],
    ids="no-channel other-shape flat empty nan text no-x few-labels scalar-label text-labels".split(),
)
def test_refusals(tmp_path: Path, arrays: dict[str, np.ndarray], text: str) -> None:
    assert refusal(tmp_path, **arrays) == text


def test_fractions_for_a_model_of_whole_numbers(tmp_path: Path) -> None:
    assert refusal(tmp_path, dtype="int32", x=GOOD) == (
        "…/data.npz: x is of the type float64, but the model takes int32\n  remedy: give whole numbers"
    )


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(DataSource("npz", tmp_path / "none.npz")) == (
        "…/none.npz: the calibration data does not exist\n  remedy: check the path"
    )


def test_a_folder_without_samples(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert refusal(DataSource("npy", tmp_path / "data")) == (
        "…/data: has no x.npy\n  remedy: write the samples with numpy.save(folder / 'x.npy', x)"
    )


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_a_pickle_among_the_arrays_is_never_opened(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "ran"
    bomb = np.array([Bomb(marker)], dtype=object)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data.npz", x=bomb)
    np.save(tmp_path / "data" / "x.npy", bomb)
    source = DataSource("npz", tmp_path / "data.npz") if kind == "npz" else DataSource("npy", tmp_path / "data")
    assert refusal(source).replace(".npz", "") == (
        "…/data: cannot be read as numpy arrays; pickled objects are refused, since they run code\n"
        "  Object arrays cannot be loaded when allow_pickle=False\n"
        "  remedy: write plain numeric arrays with numpy.savez or numpy.save"
    )
    assert not marker.exists()
    np.load(tmp_path / "data" / "x.npy", allow_pickle=True)
    assert marker.exists()  # so the file does hold code that runs


def test_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"PK\x03\x04 and no more")
    assert refusal(DataSource("npz", tmp_path / "data.npz")).startswith(
        "…/data.npz: cannot be read as numpy arrays; pickled objects are refused, since they run code\n"
    )


def test_functions(tmp_path: Path) -> None:
    file = tmp_path / "data.py"
    file.write_text("def three():\n    return 1, 2, 3\n")
    assert refusal(DataSource("python", file, "samples")) == (
        "…/data.py:samples: data.py has no function 'samples'\n  remedy: define it, or name another"
    )
    assert refusal(DataSource("python", file, "three")) == (
        "…/data.py:three: returned a tuple of 3\n  remedy: return x, or (x, y)"
    )


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def samples(:\n")
    assert refusal(DataSource("python", file, "samples")) == (
        "…/broken.py:samples: raised SyntaxError: invalid syntax (broken.py, line 1)\n"
        "  broken.py:1: def samples(:\n  remedy: mend the function"
    )
