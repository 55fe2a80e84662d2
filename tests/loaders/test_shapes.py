"""What a Keras config alone says of a model's inputs and output."""

from __future__ import annotations

from typing import Any

import pytest

from edgebuild.loaders import _shapes


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


IMAGE = layer("InputLayer", "image", batch_shape=[None, 8, 8, 1])
FORCE = layer("InputLayer", "force", batch_input_shape=[None, 6])
OPEN = layer("InputLayer", "open", batch_shape=[None, None])
DENSE = layer("Dense", "classes", units=3)


def model(*layers: dict[str, Any], **inside: Any) -> dict[str, Any]:
    return {"class_name": "Functional", "config": {"layers": list(layers), **inside}}


CASES = {
    "a chain": (model(layer("Conv2D", "first", batch_input_shape=[None, 9, 4, 1]), DENSE), (("first", (9, 4, 1)),)),
    "one, flat": (model(IMAGE, DENSE, input_layers=["image", 0, 0]), (("image", (8, 8, 1)),)),
    "one, nested": (model(IMAGE, DENSE, input_layers=[["image", 0, 0]]), (("image", (8, 8, 1)),)),
    "the model's order": (
        model(IMAGE, FORCE, DENSE, input_layers=[["force", 0, 0], ["image", 0, 0]]),
        (("force", (6,)), ("image", (8, 8, 1))),
    ),
    "by keys": (model(IMAGE, FORCE, DENSE, input_layers={"b": ["image", 0, 0], "a": ["force", 0, 0]}), ()),
    "open length": (model(IMAGE, OPEN, DENSE, input_layers=[["image", 0, 0], ["open", 0, 0]]), ()),
    "no shape": (model(layer("InputLayer", "image"), DENSE, input_layers=["image", 0, 0]), ()),
    "a name that is not there": (model(IMAGE, DENSE, input_layers=[["other", 0, 0]]), ()),
    "nothing": (model(DENSE), ()),
    "no model": ([], ()),
}


@pytest.mark.parametrize("name", CASES)
def test_inputs(name: str) -> None:
    config, expected = CASES[name]
    assert _shapes.inputs(config) == expected


def test_output() -> None:
    assert _shapes.output(model(IMAGE, DENSE, layer("Softmax", "end"))) == (3,)
    assert _shapes.output(model(IMAGE, DENSE, layer("Add", "end"))) is None
