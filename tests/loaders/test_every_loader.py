"""What holds for every format, and the files that are none."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from edgebuild import loaders
from edgebuild.errors import UsageError

ROOT = Path(__file__).parents[2]

FILES = {
    "keras_h5": ("legacy.h5", "modern.h5"),
    "keras_v3": ("modern.keras", "legacy.keras"),
    "saved_model": ("exported",),
    "tflite": (),
}


def test_every_loader_has_files_here() -> None:
    assert set(loaders.names()) == FILES.keys()


@pytest.mark.parametrize("name", loaders.names())
def test_a_loader_describes_itself(name: str) -> None:
    loader = loaders.find(name)
    assert loader.suffixes
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in loader.suffixes)
    assert loader.format.startswith(("a ", "an "))


def test_no_two_formats_share_a_suffix() -> None:
    suffixes = [suffix for name in loaders.names() for suffix in loaders.find(name).suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", loaders.names())
def test_recognised_by_content_and_inspected_without_tensorflow(models: Path, tmp_path: Path, name: str) -> None:
    for file in FILES[name]:
        renamed = tmp_path / f"{name}.bin"
        renamed.symlink_to(models / file)  # the name says nothing
        assert loaders.recognise(renamed) == name
        code = (
            "import sys; from pathlib import Path; from edgebuild import loaders;"
            f"found = loaders.find({name!r}).inspect(Path(sys.argv[1]), allow_unsafe=False);"
            "print(found.writer, *[layer.name for layer in found.layers]);"
            "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'tf_keras')))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(renamed)], capture_output=True, text=True, cwd=ROOT, check=True
        )
        renamed.unlink()
        if name == "saved_model":
            assert done.stdout == "TensorFlow\n"
        else:
            version = metadata.version({"legacy": "tf_keras", "modern": "keras"}[Path(file).stem])
            layers = "image stem stem_norm stem_relu depthwise pointwise pool classifier"
            assert done.stdout == f"Keras {version} {layers}\n"


def test_a_tflite_is_recognised_and_cannot_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(20))
    assert loaders.recognise(file) == "tflite"
    loader = loaders.find("tflite")
    assert loader.inspect(file, allow_unsafe=False).writer == "TensorFlow Lite"
    with pytest.raises(UsageError) as caught:
        loader.load(file, allow_unsafe=False)
    assert str(caught.value) == (
        f"{file}: is converted already: it can be neither compressed nor converted again\n"
        "  remedy: give the trained model (.keras, .h5) to compress it, or build the .tflite without compression steps"
    )


AGAIN = "save or copy the model again"
READABLE = "give a model file: .keras, .h5, a SavedModel folder or .tflite"
PICKLE = "is a pickle, which runs code when it is opened, so edgebuild never does"
SAVE_AS = "save the model as .keras, .h5, a SavedModel folder or .tflite"


@pytest.mark.parametrize(
    ("name", "content", "rule", "remedy"),
    [
        ("gone.h5", None, "the model does not exist", "check the path"),
        ("net.h5", b"", "the model file is empty", AGAIN),
        ("net.tflite", b"", "the model file is empty", AGAIN),
        ("net.bin", b"not a model at all", "is not a model that edgebuild knows", READABLE),
        ("net.onnx", b"\x08\x07\x12\x07pytorch", "is not a model that edgebuild knows", READABLE),
        (
            "net.h5",
            b"not a model at all",
            "does not begin as an HDF5 file does; it is damaged or something else under that name",
            AGAIN,
        ),
        (
            "net.keras",
            b"not a model at all",
            "does not begin as a .keras file (a zip) does; it is damaged or something else under that name",
            AGAIN,
        ),
        (
            "net.tflite",
            b"1234WRNG",
            "does not begin as a .tflite file does; it is damaged or something else under that name",
            AGAIN,
        ),
        ("net.pkl", pickle.dumps([1]), PICKLE, SAVE_AS),
        ("net.h5", pickle.dumps({"weights": 1}), PICKLE, SAVE_AS),
        ("net.pt", b"PK\x03\x04", PICKLE, SAVE_AS),
        ("net.joblib", b"x", PICKLE, SAVE_AS),
    ],
)
def test_no_model(tmp_path: Path, name: str, content: bytes | None, rule: str, remedy: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        loaders.recognise(file)
    assert str(caught.value) == f"{file}: {rule}\n  remedy: {remedy}"


def test_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        loaders.recognise(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: is a folder without saved_model.pb, so it is not a SavedModel\n  remedy: {READABLE}"
    )


def test_a_pytorch_zip_under_another_name(tmp_path: Path) -> None:
    file = tmp_path / "net.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    with pytest.raises(UsageError) as caught:
        loaders.find(loaders.recognise(file)).inspect(file, allow_unsafe=True)
    assert caught.value.rule == (
        "is a PyTorch file: it holds a pickle, which runs code when it is opened, so edgebuild never does"
    )


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("file", ["legacy.h5", "modern.keras", "exported/saved_model.pb"])
def test_a_file_that_was_cut_off(models: Path, tmp_path: Path, file: str) -> None:
    whole = (models / file).read_bytes()
    model = tmp_path / Path(file).parts[0]
    for share in (0.3, 0.9, 0.999):
        cut = model / "saved_model.pb" if "/" in file else model
        cut.parent.mkdir(exist_ok=True)
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UsageError) as caught:
            loaders.find(loaders.recognise(model)).inspect(model, allow_unsafe=False)
        kind = {"legacy.h5": "HDF5", "modern.keras": "a zip"}.get(file, "a SavedModel")
        assert caught.value.place == str(model)
        assert caught.value.rule == f"is damaged or cut off: it cannot be read as {kind}"
        assert caught.value.remedy == AGAIN
