"""A SavedModel folder: a graph without layers, so it can be quantized but not compressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgebuild.errors import UsageError
from edgebuild.loaders import NOTHING, Custom, Inspection, Loaded, Loader, _graph_def, _hdf5, _keras

_SIGNATURE = "serving_default"


class SavedModel(Loader):
    """``saved_model.pb`` and ``variables/`` in a folder; the signature ``serving_default`` is the model."""

    suffixes = (".pb",)
    format = "a SavedModel folder"

    def recognises(self, path: Path) -> bool:
        return (path / "saved_model.pb").is_file()

    def inspect(self, path: Path, *, allow_unsafe: bool, custom: Custom = NOTHING) -> Inspection:
        place = str(path)
        raw = (path / "saved_model.pb").read_bytes()
        if not raw:
            raise UsageError(place, "its saved_model.pb is empty", _hdf5.REMEDY)
        try:
            graph = _graph_def.read(raw)
        except ValueError as error:
            raise UsageError(place, _hdf5.DAMAGED.format(format="a SavedModel"), _hdf5.REMEDY, (str(error),)) from error
        if not allow_unsafe:
            _graph_def.vet(graph, place)
        return Inspection("TensorFlow")

    def load(self, path: Path, *, allow_unsafe: bool) -> Loaded:
        place = str(path)
        tensorflow = _keras.package("tensorflow")
        try:
            module = tensorflow.saved_model.load(str(path))
        except Exception as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(
                place,
                f"TensorFlow {tensorflow.__version__} cannot load it: {first[:300]}",
                "export the model again with model.export(folder)",
            ) from error
        signature = module.signatures.get(_SIGNATURE) if hasattr(module, "signatures") else None
        if signature is None:
            raise UsageError(
                place, f"has no signature {_SIGNATURE!r}", "export the model again with model.export(folder)"
            )
        specs = sorted(signature.structured_input_signature[1].items())
        inputs = tuple(_input(name, spec, place) for name, spec in specs)

        def call(*values: Any) -> list[Any]:
            # the closure holds `module` too: TensorFlow frees the variables with it
            answer = module.signatures[_SIGNATURE](
                **{name: value for (name, _), value in zip(specs, values, strict=True)}
            )
            return [answer[key] for key in sorted(answer)]

        return Loaded(
            model=None,
            keras=None,
            name="",
            call=call,
            inputs=inputs,
            layers=(),
            variables=tuple(signature.variables),
            batch=1 if any(spec.shape[0] == 1 for _, spec in specs) else None,
        )


def _input(name: str, spec: Any, place: str) -> Any:
    if spec.shape.rank is None:
        raise UsageError(
            f"{place}, input {name!r}",
            "its shape is not known",
            "export the model again from one whose input has a shape",
        )
    return _keras.fixed(name, tuple(spec.shape), spec.dtype.name, place)
