"""``.keras``: the zip of Keras 3, which tf_keras writes as well."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from edgebuild.errors import UsageError
from edgebuild.loaders import NOTHING, Custom, Inspection, Loaded, Loader, _allow_list, _hdf5, _keras, _shapes

_LARGEST = 4 << 30
"""Bytes that all members together may unpack to: far above any model for these targets."""


class KerasV3(Loader):
    """``config.json``, ``metadata.json`` and ``model.weights.h5`` in a zip."""

    suffixes = (".keras",)
    format = "a .keras file (a zip)"

    def recognises(self, path: Path) -> bool:
        return _hdf5.head(path, 4) == b"PK\x03\x04"

    def inspect(self, path: Path, *, allow_unsafe: bool, custom: Custom = NOTHING) -> Inspection:
        place = str(path)
        try:
            with zipfile.ZipFile(path) as archive:
                _check_members(archive, place)
                config = _hdf5.parse(archive.read("config.json"), place, "config.json")
                version = _version(archive, place)
                weights = io.BytesIO(archive.read("model.weights.h5"))
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise UsageError(place, _hdf5.DAMAGED.format(format="a zip"), _hdf5.REMEDY, (str(error),)) from error
        layers = _allow_list.check(config, place, custom.of(_keras.writer(version)), allow_unsafe=allow_unsafe)
        with _hdf5.open_file(weights, place) as file:
            _hdf5.refuse_outside_data(file, place)
        return Inspection(f"Keras {version}", layers, _shapes.inputs(config), _shapes.output(config))

    def load(self, path: Path, *, allow_unsafe: bool) -> Loaded:
        with zipfile.ZipFile(path) as archive:
            version = _version(archive, str(path))
        return _keras.load(path, _keras.writer(version), allow_unsafe=allow_unsafe)


def _check_members(archive: zipfile.ZipFile, place: str) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if any("data.pkl" in name for name in names):
        raise UsageError(
            place,
            "is a PyTorch file: it holds a pickle, which runs code when it is opened, so edgebuild never does",
            "export the model to a format that edgebuild reads",
        )
    missing = [name for name in ("config.json", "metadata.json", "model.weights.h5") if name not in names]
    if missing:
        raise UsageError(
            place,
            f"is a zip but not a Keras model: it has no {', '.join(missing)}",
            "save the whole model with model.save('model.keras')",
        )
    outside = [name for name in names if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if outside or len(set(names)) != len(names):
        raise UsageError(
            place,
            f"has the member {outside[0]!r}, which would be written outside" if outside else "has a member twice",
            _hdf5.REMEDY,
        )
    if sum(member.file_size for member in members) > _LARGEST:
        raise UsageError(place, "unpacks to more than 4 GiB", "give the model that you want on the device")


def _version(archive: zipfile.ZipFile, place: str) -> str:
    metadata: Any = _hdf5.parse(archive.read("metadata.json"), place, "metadata.json")
    return str(metadata.get("keras_version", "3")) if isinstance(metadata, dict) else "3"
