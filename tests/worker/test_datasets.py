"""``tf.data`` pipelines of the user's own, where the worker needs no TensorFlow and where it has it already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebuild.config import DataSource, Step
from edgebuild.errors import UsageError
from edgebuild.worker import client
from edgebuild.worker.job import Job

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

FILE = """
import pathlib

import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent
KEPT = np.load(HERE / "kept.npz")
SHUFFLED = tf.data.Dataset.from_tensor_slices((KEPT["x"], KEPT["y"])).shuffle(40)  # built while the file is read


def augmented():
    def noisy(x, y):
        return x + tf.random.normal(tf.shape(x), stddev=0.01), y

    return SHUFFLED.map(noisy, num_parallel_calls=4).batch(16).prefetch(2)


def endless():
    return SHUFFLED.repeat().batch(16)


def late():
    import keras

    flip = keras.layers.RandomFlip()
    return SHUFFLED.batch(8).map(lambda x, y: (flip(x, training=True), y))


def records():
    def parsed(record):
        return tf.reshape(tf.io.decode_raw(record, tf.float32), (8, 8, 1)), 1

    files = tf.data.Dataset.list_files(str(HERE / "*.tfrecord"), shuffle=False)
    return files.interleave(tf.data.TFRecordDataset).map(parsed)


def write():
    for number in range(2):
        with tf.io.TFRecordWriter(str(HERE / f"{number}.tfrecord")) as file:
            file.write(np.full((8, 8, 1), number, np.float32).tobytes())
"""

Source = Callable[[str], DataSource]


@pytest.fixture
def source(tmp_path: Path, models: Path) -> Source:
    """A function of the file above, beside the data that it reads."""
    (tmp_path / "data.py").write_text(FILE)
    (tmp_path / "kept.npz").write_bytes((models / "modern_data.npz").read_bytes())
    return lambda name: DataSource("python", tmp_path / "data.py", name)


def evaluation(source: DataSource, out: Path, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    out.mkdir()
    job = Job(out / "model.tflite", out, evaluation=source, inputs=(("image", (1, 8, 8, 1)),), seed=seed)
    found = client.read_evaluation(job)
    assert found is not None
    assert found.labels is not None
    return np.load(found.inputs[0]), np.load(found.labels)


def test_shuffled_and_augmented_samples_follow_from_the_seed(tmp_path: Path, models: Path, source: Source) -> None:
    kept = np.load(models / "modern_data.npz")
    one, labels = evaluation(source("augmented"), tmp_path / "one")
    again, _ = evaluation(source("augmented"), tmp_path / "again")
    other, _ = evaluation(source("augmented"), tmp_path / "other", seed=2)
    assert one.shape == kept["x"].shape
    assert sorted(labels) == sorted(kept["y"])
    assert not np.array_equal(one, kept["x"])
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    noted = json.loads((tmp_path / "one" / "files_read.json").read_text())
    assert {Path(path).name for path in noted} == {"data.py", "kept.npz"}


def test_layers_that_augment_follow_from_the_seed(tmp_path: Path, source: Source) -> None:
    one, _ = evaluation(source("late"), tmp_path / "one")
    again, _ = evaluation(source("late"), tmp_path / "again")
    assert np.array_equal(one, again)


def test_files_that_tensorflow_opens_are_noted(tmp_path: Path, source: Source) -> None:
    from tests.worker.models import run_script

    (tmp_path / "write.py").write_text("import data\n\ndata.write()\n")
    run_script(tmp_path / "write.py", tmp_path / "nothing")
    inputs, _ = evaluation(source("records"), tmp_path / "out")
    assert inputs[:, 0, 0, 0].tolist() == [0, 1]
    noted = json.loads((tmp_path / "out" / "files_read.json").read_text())
    assert {Path(path).name for path in noted} == {"data.py", "kept.npz", "0.tfrecord", "1.tfrecord"}


def test_a_dataset_without_end(tmp_path: Path, source: Source) -> None:
    with pytest.raises(UsageError) as caught:
        evaluation(source("endless"), tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}/data.py:endless: returned a dataset without an end\n"
        "  remedy: leave out .repeat(), or end the dataset with .take(n)"
    )


def test_split_in_two(tmp_path: Path, source: Source) -> None:
    halves = []
    for name in ("one", "again"):
        out = tmp_path / name
        out.mkdir()
        client.split(Job(out / "model.h5", out, training=source("augmented"), inputs=(("image", (1, 8, 8, 1)),)))
        halves.append(np.load(out / "held_out" / "x.npy"))
        assert np.load(out / "training" / "y.npy").shape == (32,)
    assert np.array_equal(*halves)


def test_through_compression_and_conversion(tmp_path: Path, models: Path, source: Source) -> None:
    made = []
    for name in ("one", "again"):
        out = tmp_path / name
        out.mkdir()
        data = source("augmented")
        steps = (Step("prune", {"epochs": 1, "batch_size": 8, "layers": ["pointwise"]}),)
        job = Job(models / "modern.keras", out, steps=steps, calibration=data, evaluation=data, training=data)
        converted = client.convert(job)
        assert converted.float_accuracy is not None
        assert converted.float_accuracy > 0.8
        made.append(converted.tflite.read_bytes())
    assert made[0] == made[1]
