"""The user's own layers: the declared Python file is run, and what it defines becomes known to Keras.  Child only.

The model file plays no part in this: it can only name what was declared here, and the loaders check that it does.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from edgebuild import cache, loaders
from edgebuild.errors import UsageError
from edgebuild.worker import reads, seeding, user_code

NAMES = "CUSTOM_OBJECTS"


def read(path: Path, seed: int) -> tuple[loaders.Custom, str]:
    """What the file ``path`` declares, registered with both Keras; and a digest of it with all that it read.

    That is every class that it defines itself and that derives from ``keras.layers.Layer`` or
    ``tf_keras.layers.Layer``, and whatever ``CUSTOM_OBJECTS`` names.

    Raises:
        UsageError: missing, it raises, declares nothing, or something by a name that Keras has.
    """
    place = str(path)
    if not path.is_file():
        raise UsageError(place, "the file of custom layers does not exist", "check the path")
    both: dict[loaders.Keras, Any] = {name: loaders.require(name) for name in get_args(loaders.Keras)}
    with reads.noted():
        seeding.restart(seed)
        module = user_code.module(path, place, "mend the file")
    digest = cache.key(sorted(reads.digests().values()))
    classes: dict[loaders.Keras, frozenset[str]] = {}
    functions: set[str] = set()
    for name, keras in both.items():
        other = next(one for one in both.values() if one is not keras)
        known = _known(_defined(module, keras) | _named(module, keras, other, place), keras, place)
        keras.saving.get_custom_objects().update(known)
        classes[name] = frozenset(name for name, one in known.items() if inspect.isclass(one))
        functions.update(known.keys() - classes[name])
    if not functions and not any(classes.values()):
        raise UsageError(
            place,
            "defines no layer: no class derived from keras.layers.Layer or tf_keras.layers.Layer",
            f"define one, or name what it imports: {NAMES} = {{'Name': Class}}",
        )
    return loaders.Custom(path.name, classes, frozenset(functions)), digest


def _defined(module: ModuleType, keras: Any) -> dict[str, Any]:
    """The layer classes of ``keras`` that ``module`` defines itself, by name."""
    kinds = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    return {kind.__name__: kind for kind in kinds if issubclass(kind, keras.layers.Layer)}


def _named(module: ModuleType, keras: Any, other: Any, place: str) -> dict[str, Any]:
    """What ``CUSTOM_OBJECTS`` of ``module`` names, without the layers of the ``other`` Keras."""
    named = getattr(module, NAMES, {})
    if not isinstance(named, dict) or not all(isinstance(key, str) and callable(one) for key, one in named.items()):
        raise UsageError(
            place, f"{NAMES} is not a dict of names to classes and functions", f"write {NAMES} = {{'Name': Class}}"
        )
    return {
        key: one for key, one in named.items() if not (inspect.isclass(one) and issubclass(one, other.layers.Layer))
    }


def _known(found: dict[str, Any], keras: Any, place: str) -> dict[str, Any]:
    """``found`` also by the names under which the file registered it, ``package>Name``.

    Raises:
        UsageError: a name is one of Keras's own, by which compression and the loaders know its layers.
    """
    registered = {keras.saving.get_registered_name(one): one for one in found.values()}
    known = found | {name: one for name, one in registered.items() if ">" in name}
    for name in known:
        if hasattr(keras.layers, name) or hasattr(keras.activations, name):
            raise UsageError(
                place,
                f"declares {name!r}, which is the name of one of Keras's own",
                "call it otherwise, there and in the model",
            )
    return known
