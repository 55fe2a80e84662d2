"""``.h5``: Keras's HDF5 format, of Keras 2 (read by tf_keras) and of Keras 3."""

from __future__ import annotations

from pathlib import Path

from edgebuild.errors import UsageError
from edgebuild.loaders import NOTHING, Custom, Inspection, Loaded, Loader, _allow_list, _hdf5, _keras, _shapes


class KerasH5(Loader):
    """Model config in the attribute ``model_config``, weights in the group ``model_weights``."""

    suffixes = (".h5", ".hdf5")
    format = "an HDF5 file"

    def recognises(self, path: Path) -> bool:
        return _hdf5.head(path, len(_hdf5.MAGIC)) == _hdf5.MAGIC

    def inspect(self, path: Path, *, allow_unsafe: bool, custom: Custom = NOTHING) -> Inspection:
        place = str(path)
        with _hdf5.open_file(str(path), place) as file:
            raw = file.attrs.get("model_config")
            if raw is None:
                raise UsageError(
                    place,
                    "holds weights only, or is no Keras file: it has no model_config",
                    "save the whole model with model.save(...), not model.save_weights(...)",
                )
            _hdf5.refuse_outside_data(file, place)
            version = _hdf5.text(file.attrs.get("keras_version", "2"))
            config = _hdf5.parse(raw, place, "model_config")
        layers = _allow_list.check(config, place, custom.of(_keras.writer(version)), allow_unsafe=allow_unsafe)
        return Inspection(f"Keras {version}", layers, _shapes.inputs(config), _shapes.output(config))

    def load(self, path: Path, *, allow_unsafe: bool) -> Loaded:
        with _hdf5.open_file(str(path), str(path)) as file:
            version = _hdf5.text(file.attrs.get("keras_version", "2"))
        return _keras.load(path, _keras.writer(version), allow_unsafe=allow_unsafe)
