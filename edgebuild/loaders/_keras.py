"""What the two Keras formats share: loading with the Keras that wrote the file, and wrapping the model.

Imports TensorFlow inside its functions, so only the worker process may call them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgebuild.errors import EdgebuildError, ToolError, UsageError
from edgebuild.loaders import Input, Loaded
from edgebuild.loaders._custom import Keras


def writer(version: str) -> Keras:
    """Which package reads what Keras ``version`` wrote: tf_keras goes on with Keras 2."""
    return "keras" if version.split(".")[0].isdigit() and int(version.split(".")[0]) >= 3 else "tf_keras"


def package(name: str) -> Any:
    """Import a part of the TensorFlow family.

    Raises:
        ToolError: it is not installed, or its import fails.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        raise ToolError(
            name,
            "not installed; needed to load, compress and convert models" if missing else f"cannot be imported: {error}",
            "pip install 'edgebuild[tensorflow]'",
        ) from error


def load(path: Path, keras: Keras, *, allow_unsafe: bool) -> Loaded:
    """Load ``path``, whose config was vetted, with ``keras``.

    Raises:
        UsageError: Keras cannot load it, or a shape is not fixed.
    """
    module = package(keras)
    try:
        model = module.models.load_model(str(path), compile=False, safe_mode=not allow_unsafe)
    except (EdgebuildError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(
            str(path),
            f"{keras} {module.__version__} cannot load it: {lines[0][:300]}",
            "load it in Python with that version and save it again, or export it as a SavedModel",
            tuple(line[:300] for line in lines[1:6]),
        ) from error
    return wrap(model, keras, str(path))


def wrap(model: Any, keras: Keras, place: str) -> Loaded:
    """``model`` with its inputs fixed to batch 1.

    Args:
        place: what to call the model in messages.

    Raises:
        UsageError: a dimension besides the batch is not fixed, or the batch is fixed to another size.
    """
    tensors = list(getattr(model, "inputs", None) or ())
    if not tensors:
        raise UsageError(
            place,
            "the model has no input shape",
            "give its first layer an input_shape (or begin with keras.Input) and save it again",
        )
    inputs = tuple(
        fixed(str(tensor.name).split(":")[0], tuple(tensor.shape), _dtype(tensor), place) for tensor in tensors
    )
    batches = {tensor.shape[0] for tensor in tensors}

    def call(*values: Any) -> list[Any]:
        answer = model(values[0] if len(values) == 1 else list(values), training=False)
        if isinstance(answer, dict):
            return [answer[key] for key in sorted(answer)]
        return list(answer) if isinstance(answer, Sequence) else [answer]

    return Loaded(
        model=model,
        keras=keras,
        name=str(model.name),
        call=call,
        inputs=inputs,
        layers=tuple(_layer_names(model)),
        variables=tuple(getattr(v, "value", v) if keras == "keras" else v for v in model.variables),
        batch=1 if batches == {1} else None,
    )


def fixed(name: str, shape: Sequence[int | None], dtype: str, place: str) -> Input:
    """The input ``name`` with batch 1.

    Raises:
        UsageError: see :func:`wrap`.
    """
    where = f"{place}, input {name!r}"
    batch, *rest = shape or (None,)
    if any(size is None for size in rest):
        dimension = 1 + [size is None for size in rest].index(True)
        raise UsageError(
            where,
            f"its shape is {tuple(shape)}: dimension {dimension} is not fixed, and a microcontroller needs to know it",
            "build the model with that size given, for example keras.Input((49, 10, 1)), load the weights into it "
            "and save it",
        )
    if batch not in (None, 1):
        raise UsageError(
            where,
            f"its batch is fixed to {batch}; edgebuild builds models that take one sample at a time",
            "build the model with batch size 1 or None, load the weights into it and save it",
        )
    return Input(name, (1, *(int(size) for size in rest if size is not None)), dtype)


def insist_layers(model: Any, place: str) -> None:
    """Refuse a layer of the tf_keras ``model`` that looks like a model and is none: compression would take it apart.

    Raises:
        UsageError: naming the layer.
    """
    for layer in model.layers:
        if not hasattr(layer, "layers"):
            continue
        if not hasattr(layer, "_nodes_by_depth"):  # what a graph of layers has
            raise UsageError(
                f"{place}, layer {layer.name!r}",
                f"its class {type(layer).__name__!r} has an attribute 'layers', and compression cannot look inside",
                "call the attribute otherwise, or leave out the compression steps",
            )
        insist_layers(layer, place)


def _dtype(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))


def _layer_names(model: Any) -> list[str]:
    """Names of all layers, those of nested models too."""
    found = []
    for layer in model.layers:
        found.append(str(layer.name))
        if hasattr(layer, "layers"):
            found += _layer_names(layer)
    return found
