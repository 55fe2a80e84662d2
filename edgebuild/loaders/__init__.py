"""Model files: one plugin a format, which looks before it loads.

A model file is data, never code.  ``inspect`` reads it with h5py, zipfile and json alone, and refuses what
could run code once Keras opens it; only ``load`` imports TensorFlow, and only the worker process calls it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from edgebuild import registry
from edgebuild.errors import UsageError
from edgebuild.loaders._custom import NOTHING, Custom, Keras

__all__ = [
    "NOTHING", "READABLE", "Custom", "Input", "Inspection", "Keras", "Layer", "Loaded", "Loader", "find",
    "for_compression", "names", "of_tf_keras", "recognise", "require",
]  # fmt: skip

READABLE = ".keras, .h5, a SavedModel folder or .tflite"


@dataclass(frozen=True)
class Layer:
    """A layer as the file describes it."""

    name: str
    class_name: str


@dataclass(frozen=True)
class Inspection:
    """What a model file says about itself before anything is loaded.

    Attributes:
        writer: who wrote it: ``Keras 3.15.1``, ``Keras 2.4.0``, ``TensorFlow``.
        layers: in the file's order, nested ones included; empty where the format has none.
        inputs: name and shape of each, without batch, in the model's order; empty where the file does not state them.
        output: shape of the first one, without batch, where the file states it.
    """

    writer: str
    layers: tuple[Layer, ...] = ()
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    output: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Input:
    """An input of the loaded model: ``shape`` begins with batch 1, ``dtype`` is numpy's name."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory, whatever it came from.

    Attributes:
        model: the Keras model; None for a SavedModel, which has no layers that could be compressed.
        keras: whose model it is.
        name: the model's name, which prefixes the names of its operations.
        call: from one tensor an input to the list of output tensors, as in inference.
        inputs: in the order of ``call``.
        layers: names of the layers.
        variables: TensorFlow's variables behind ``call``.
        batch: how many samples ``call`` takes at once; None for any number.
    """

    model: Any
    keras: Keras | None
    name: str
    call: Callable[..., list[Any]]
    inputs: tuple[Input, ...]
    layers: tuple[str, ...]
    variables: tuple[Any, ...]
    batch: int | None = None


class Loader(ABC):
    """One model format."""

    suffixes: ClassVar[tuple[str, ...]]
    """File name endings by which a damaged file is still named properly."""

    format: ClassVar[str]
    """The format in words, for messages."""

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether the content of ``path`` (an existing, non-empty file or a folder) is of this format."""

    @abstractmethod
    def inspect(self, path: Path, *, allow_unsafe: bool, custom: Custom = NOTHING) -> Inspection:
        """Read what the file says about itself, without TensorFlow.

        Args:
            custom: what it may name besides Keras's own.

        Raises:
            UsageError: damaged, or it would run code and ``allow_unsafe`` is False.
        """

    @abstractmethod
    def load(self, path: Path, *, allow_unsafe: bool) -> Loaded:
        """Load an inspected file; imports TensorFlow.

        Raises:
            UsageError: Keras cannot load it, or a dimension besides the batch is not fixed.
        """


def names() -> tuple[str, ...]:
    """Public names of the formats."""
    return registry.names(__name__)


def find(name: str) -> Loader:
    """The loader of format ``name``."""
    return registry.find(__name__, name, Loader)()  # type: ignore[type-abstract]


def recognise(path: Path) -> str:
    """Name of the loader for ``path``, by its content; reads a few bytes and imports nothing slow.

    Raises:
        UsageError: missing, empty, a pickle, damaged, or no model at all.
    """
    place = str(path)
    if not path.exists():
        raise UsageError(place, "the model does not exist", "check the path")
    if path.is_file():
        _refuse_empty_and_pickles(path)
    for name in names():
        if find(name).recognises(path):
            return name
    if path.is_dir():
        raise UsageError(
            place,
            "is a folder without saved_model.pb, so it is not a SavedModel",
            f"give a model file: {READABLE}",
        )
    for name in names():
        loader = find(name)
        if path.suffix.lower() in loader.suffixes:
            raise UsageError(
                place,
                f"does not begin as {loader.format} does; it is damaged or something else under that name",
                "save or copy the model again",
            )
    raise UsageError(place, "is not a model that edgebuild knows", f"give a model file: {READABLE}")


_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt")


def _refuse_empty_and_pickles(path: Path) -> None:
    """A pickle is a program; no switch makes edgebuild open one."""
    with path.open("rb") as file:
        head = file.read(2)
    if not head:
        raise UsageError(str(path), "the model file is empty", "save or copy the model again")
    protocol = head[0] == 0x80 and len(head) == 2 and head[1] in range(2, 6)
    if protocol or path.suffix.lower() in _PICKLES:
        raise UsageError(
            str(path),
            "is a pickle, which runs code when it is opened, so edgebuild never does",
            f"save the model as {READABLE}",
        )


def for_compression(loaded: Loaded, path: Path, custom: Custom = NOTHING) -> Loaded:
    """``loaded`` as a tf_keras model, which is what TF-MOT works on; imports TensorFlow.

    Args:
        custom: what the model may name besides Keras's own.

    Raises:
        UsageError: a SavedModel, or a Keras 3 model that tf_keras cannot hold exactly.
    """
    from edgebuild.loaders import _carry_over, _keras

    if loaded.model is None:
        raise UsageError(
            str(path),
            "a SavedModel has no layers, so it can be quantized but not compressed",
            "give the model as .keras or .h5, or remove the compression steps",
        )
    carried = loaded if loaded.keras == "tf_keras" else _carry_over.to_tf_keras(loaded, str(path), custom)
    _keras.insist_layers(carried.model, str(path))
    return carried


def of_tf_keras(model: object, path: Path) -> Loaded:
    """A tf_keras model that a compression step returned, wrapped like a loaded one."""
    from edgebuild.loaders import _keras

    return _keras.wrap(model, "tf_keras", str(path))


def require(package: str) -> Any:
    """Import ``tensorflow`` or another package of the ``[tensorflow]`` extra.

    Raises:
        ToolError: it is not installed, or its import fails.
    """
    from edgebuild.loaders import _keras

    return _keras.package(package)
