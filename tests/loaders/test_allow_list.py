"""Configs that would run code: refused before TensorFlow is imported, with the layer's name.

``tests/worker`` shows the code of a Lambda layer running when it is allowed to.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild.errors import UsageError
from edgebuild.loaders import Layer, _allow_list
from edgebuild.loaders._custom import Own

UNSAFE = "replace it by Keras's own layers; --allow-unsafe-model loads it all the same, and runs what it contains"
DECLARE = "if it is yours, name the Python file that defines it as model.custom, "
BY_KERAS = f"{DECLARE}or {UNSAFE}"
FOREIGN = (
    f"{DECLARE}replace it by Keras's own layers, or export the model as a SavedModel, whose graph needs no such class"
)


def config(*layers: dict[str, Any]) -> dict[str, Any]:
    """A Sequential model as Keras writes it."""
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [dense("first"), *layers]}}


def dense(name: str, **settings: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": "Dense", "config": {"name": name, "units": 2, **settings}}


def foreign(class_name: Any, module: Any = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": {"name": "odd"}, **more}


FUNCTION = {"class_name": "function", "module": "builtins", "config": "exec", "registered_name": "function"}


@pytest.mark.parametrize(
    ("layer", "rule", "remedy"),
    [
        (foreign("Lambda"), "is a Lambda, which is Python code inside the model file", UNSAFE),
        (
            dense("odd", activation={"class_name": "__lambda__", "config": {"value": "4wAAAA"}}),
            "is a Lambda, which is Python code inside the model file",
            UNSAFE,
        ),
        (dense("odd", activation=FUNCTION), "calls the function 'exec' of module 'builtins'", BY_KERAS),
        (
            dense("odd", activation={**FUNCTION, "module": "os", "config": "system"}),
            "calls the function 'system' of module 'os'",
            BY_KERAS,
        ),
        (
            foreign("Dense", "evil.layers"),
            "is of the class 'Dense' from the module 'evil.layers', which is not Keras",
            BY_KERAS,
        ),
        (
            foreign("Dense", "keras_evil"),
            "is of the class 'Dense' from the module 'keras_evil', which is not Keras",
            BY_KERAS,
        ),
        (
            foreign("TFSMLayer"),
            "is of the class 'TFSMLayer', which is not Keras's own, or does more than compute",
            FOREIGN,
        ),
        (
            foreign("TFOpLambda"),
            "is of the class 'TFOpLambda', which is not Keras's own, or does more than compute",
            FOREIGN,
        ),
        (
            foreign("Convolver", None),
            "is of the class 'Convolver', which is not Keras's own, or does more than compute",
            FOREIGN,
        ),
        (
            foreign("Dense", registered_name="mine>Dense"),
            "is of the registered class 'mine>Dense', whose code is not in the file",
            FOREIGN,
        ),
        (
            dense("odd", activation="mine>explode"),
            "has the activation 'mine>explode', which is not one of Keras's own",
            BY_KERAS,
        ),
        (
            foreign("TimeDistributed", config={"name": "odd", "layer": foreign("Lambda")}),
            "is a Lambda, which is Python code inside the model file",
            UNSAFE,
        ),
    ],
)
def test_refused_with_the_layers_name(layer: dict[str, Any], rule: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        _allow_list.check(config(layer), "net.h5", allow_unsafe=False)
    assert str(caught.value) == f"net.h5, layer 'odd': {rule}\n  remedy: {remedy}"
    assert Layer("odd", layer["class_name"]) in _allow_list.check(config(layer), "net.h5", allow_unsafe=True)


OWN = Own("tf_keras", "layers.py", frozenset(("Scale", "mine>Scale")), frozenset(("Modern",)), frozenset(("squash",)))
"""What a user has declared."""


@pytest.mark.parametrize(
    "layer",
    [
        foreign("Scale", None),  # as .h5 writes it
        foreign("mine>Scale", None),
        foreign("Scale", "layers", registered_name="Scale"),  # as .keras does
        foreign("Scale", "layers", registered_name="mine>Scale"),
        foreign("Scale", "any.module.at_all", registered_name="mine>Scale"),  # it is never imported
        dense("odd", activation="squash"),
        dense("odd", activation={**FUNCTION, "config": "squash"}),
        foreign("TimeDistributed", config={"name": "odd", "layer": foreign("Scale", None)}),
    ],
)
def test_what_is_declared_is_let_through(layer: dict[str, Any]) -> None:
    assert _allow_list.check(config(layer), "net.h5", OWN, allow_unsafe=False)
    with pytest.raises(UsageError):
        _allow_list.check(config(layer), "net.h5", allow_unsafe=False)


ADD = "if it is yours, define it in layers.py for tf_keras, or name it in CUSTOM_OBJECTS there, "


@pytest.mark.parametrize(
    ("layer", "rule", "remedy"),
    [
        (
            foreign("Other", "layers", registered_name="Other"),
            "is of the class 'Other' from the module 'layers', which is not Keras",
            f"{ADD}or {UNSAFE}",
        ),
        (
            # Keras would not find None among the declared names, and import the module instead
            foreign("Scale", "evil", registered_name=None),
            "is of the class 'Scale' from the module 'evil', which is not Keras",
            f"{ADD}or {UNSAFE}",
        ),
        (
            foreign("Scale", "keras.layers", registered_name="mine>Other"),
            "is of the class 'Scale', which is not Keras's own, or does more than compute",
            ADD + FOREIGN.removeprefix(DECLARE),
        ),
        (
            foreign("Dense", registered_name="mine>Scale"),
            "is of the registered class 'mine>Scale', whose code is not in the file",
            ADD + FOREIGN.removeprefix(DECLARE),
        ),
        (
            foreign("Modern", "layers", registered_name="Modern"),
            "is of the class 'Modern', which layers.py derives from keras.layers.Layer, but the file is for tf_keras",
            "derive it from tf_keras.layers.Layer",
        ),
        (
            dense("odd", activation="squeeze"),
            "has the activation 'squeeze', which is not one of Keras's own",
            f"{ADD}or {UNSAFE}",
        ),
        (
            foreign("Scale", None, config={"name": "odd", "activation": "squeeze"}),
            "has the activation 'squeeze', which is not one of Keras's own",
            f"{ADD}or {UNSAFE}",
        ),
        (
            foreign(
                "Scale", None, compile_config={"optimizer": {"module": "evil", "class_name": "Boom", "config": {}}}
            ),
            "is of the class 'Scale' and brings a compile_config, by which Keras would load any class",
            "save the model again without compiling that part of it",
        ),
        (
            foreign("Scale", None, config={"name": "odd", "inner": foreign("Lambda")}),
            "is a Lambda, which is Python code inside the model file",
            UNSAFE,
        ),
        (
            dense("odd", activation={**FUNCTION, "module": "os", "config": "system"}),
            "calls the function 'system' of module 'os'",
            f"{ADD}or {UNSAFE}",
        ),
    ],
)
def test_nothing_more_is_let_through(layer: dict[str, Any], rule: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        _allow_list.check(config(layer), "net.h5", OWN, allow_unsafe=False)
    assert str(caught.value) == f"net.h5, layer 'odd': {rule}\n  remedy: {remedy}"


def test_a_model_class_of_ones_own() -> None:
    with pytest.raises(UsageError) as caught:
        _allow_list.check({"class_name": "MyNet", "config": {}}, "net.keras", allow_unsafe=False)
    assert str(caught.value) == (
        "net.keras: the model is of the class 'MyNet', whose code is not in the file\n"
        "  remedy: build it with keras.Sequential or the functional API, or save it as a SavedModel"
    )


def test_what_training_left_in_the_file_is_not_loaded_and_not_refused() -> None:
    trained = {**config(), "compile_config": {"loss": {"class_name": "MyLoss", "config": {}}}}
    assert _allow_list.check(trained, "net.keras", allow_unsafe=False) == (Layer("first", "Dense"),)


@pytest.mark.parametrize("nothing", [None, [], 3, "x", {}, {"class_name": "Sequential"}, {"config": "x"}])
def test_no_model_in_the_config(nothing: Any) -> None:
    with pytest.raises(UsageError) as caught:
        _allow_list.check(nothing, "net.h5", allow_unsafe=False)
    assert str(caught.value) == ("net.h5: its config does not describe a Keras model\n  remedy: save the model again")


def test_a_config_without_end() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"inner": deep}
    with pytest.raises(UsageError, match="its config is nested more than 64 deep"):
        _allow_list.check(config(dense("odd", deep=deep)), "net.h5", allow_unsafe=False)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["Lambda", "Dense", "keras.layers"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "module", "name", "layers", "activation", "registered_name"]),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(ANYTHING, st.booleans())
def test_any_json_is_vetted_or_refused_but_never_crashes(anything: Any, unsafe: bool) -> None:
    for whole in (anything, {"class_name": "Sequential", "config": {"layers": anything}}):
        try:
            layers = _allow_list.check(whole, "net.h5", allow_unsafe=unsafe)
        except UsageError:
            continue
        assert unsafe or all(layer.class_name in _allow_list.LAYERS for layer in layers)
