"""``.tflite``: converted already; the device half reads it, and nothing of the model half is needed."""

from __future__ import annotations

from pathlib import Path

from edgebuild.errors import UsageError
from edgebuild.loaders import NOTHING, Custom, Inspection, Loaded, Loader, _hdf5


class Tflite(Loader):
    """A flatbuffer with the file identifier ``TFL3``."""

    suffixes = (".tflite", ".lite")
    format = "a .tflite file"

    def recognises(self, path: Path) -> bool:
        return _hdf5.head(path, 8)[4:] == b"TFL3"

    def inspect(self, path: Path, *, allow_unsafe: bool, custom: Custom = NOTHING) -> Inspection:
        return Inspection("TensorFlow Lite")

    def load(self, path: Path, *, allow_unsafe: bool) -> Loaded:
        raise UsageError(
            str(path),
            "is converted already: it can be neither compressed nor converted again",
            "give the trained model (.keras, .h5) to compress it, or build the .tflite without compression steps",
        )
