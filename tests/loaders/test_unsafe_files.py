"""Files that would read other files, write outside or are put together wrongly: refused without TensorFlow."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild import loaders
from edgebuild.errors import UsageError

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture
def crafted(models: Path, tmp_path: Path) -> Callable[..., str]:
    """Copies a model, changes it, and returns the words of its refusal, with the path cut off."""

    def craft(name: str, change: Callable[[Path], None]) -> str:
        file = tmp_path / name
        shutil.copy(models / name, file)
        change(file)
        with pytest.raises(UsageError) as caught:
            loaders.find(loaders.recognise(file)).inspect(file, allow_unsafe=True)
        return str(caught.value).replace(str(file), name)

    return craft


def test_hdf5_links_to_other_files(crafted: Callable[..., str]) -> None:
    import h5py

    def link(file: Path) -> None:
        with h5py.File(file, "r+") as model:
            model["model_weights/secret"] = h5py.ExternalLink("/etc/passwd.h5", "/x")

    assert crafted("legacy.h5", link) == (
        "legacy.h5: /model_weights/secret is an ExternalLink; a model must hold all its data itself\n"
        "  remedy: save the model again"
    )


def test_hdf5_datasets_in_other_files(crafted: Callable[..., str]) -> None:
    import h5py

    def outside(file: Path) -> None:
        with h5py.File(file, "r+") as model:
            model.create_dataset("secret", (4,), "u1", external=[("/etc/passwd", 0, 4)])

    assert crafted("legacy.h5", outside) == (
        "legacy.h5: /secret is a dataset whose values lie in another file; a model must hold all its data itself\n"
        "  remedy: save the model again"
    )


def rewrite(file: Path, **members: bytes | None) -> None:
    """Replace members of a .keras file; None removes one."""
    with zipfile.ZipFile(file) as archive:
        content: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("__", "."): value for name, value in members.items()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value)


def test_a_zip_without_weights(crafted: Callable[..., str]) -> None:
    assert crafted("modern.keras", lambda file: rewrite(file, model__weights__h5=None)) == (
        "modern.keras: is a zip but not a Keras model: it has no model.weights.h5\n"
        "  remedy: save the whole model with model.save('model.keras')"
    )


def test_a_zip_that_writes_outside(crafted: Callable[..., str]) -> None:
    def escape(file: Path) -> None:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("assets/../../evil", b"x")

    assert crafted("modern.keras", escape).startswith(
        "modern.keras: has the member 'assets/../../evil', which would be written outside\n"
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_configs(crafted: Callable[..., str]) -> None:
    def twice(file: Path) -> None:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("config.json", b"{}")

    assert crafted("modern.keras", twice).startswith("modern.keras: has a member twice\n")


def test_a_config_that_is_no_json(crafted: Callable[..., str]) -> None:
    assert crafted("modern.keras", lambda file: rewrite(file, config__json=b"{")) == (
        "modern.keras: its config.json is not readable JSON\n  remedy: save or copy the model again"
    )
    assert crafted("modern.keras", lambda file: rewrite(file, config__json=b"[" * 100000)).startswith(
        "modern.keras: its config.json is not readable JSON\n"
    )


def test_weights_only(models: Path) -> None:
    file = models / "weights.h5"
    with pytest.raises(UsageError) as caught:
        loaders.find("keras_h5").inspect(file, allow_unsafe=False)
    assert str(caught.value) == (
        f"{file}: holds weights only, or is no Keras file: it has no model_config\n"
        "  remedy: save the whole model with model.save(...), not model.save_weights(...)"
    )
