"""A described network as a tf_keras model."""

from __future__ import annotations

from typing import Any

from edgebuild.models._net import Layer, Net

MOMENTUM = 0.9
"""Of batch normalization: the default 0.99 does not keep up in a short training."""


def build(net: Net, *, softmax: bool) -> Any:
    """The model, freshly initialised."""
    import tf_keras

    layers = tf_keras.layers
    values: dict[str, Any] = {"": layers.Input(net.shape, name="input")}
    for layer in net.layers:
        given = [values[name] for name in layer.inputs]
        value = _layer(layers, layer)(given if layer.kind == "add" else given[0])
        if layer.normalized:
            value = layers.BatchNormalization(momentum=MOMENTUM, name=f"{layer.name}_norm")(value)
        if layer.activation != "linear":
            value = layers.ReLU(6.0 if layer.activation == "relu6" else None, name=f"{layer.name}_relu")(value)
        values[layer.name] = value
    output = values[net.layers[-1].name]
    if softmax:
        output = layers.Softmax(name="probabilities")(output)
    return tf_keras.Model(values[""], output, name=net.name)


def _layer(layers: Any, layer: Layer) -> Any:
    bias = not layer.normalized
    if layer.kind == "convolution":
        return layers.Conv2D(
            layer.shape[-1], layer.kernel, layer.stride, padding="same", use_bias=bias, name=layer.name
        )
    if layer.kind == "depthwise":
        return layers.DepthwiseConv2D(layer.kernel, layer.stride, padding="same", use_bias=bias, name=layer.name)
    if layer.kind == "dense":
        return layers.Dense(layer.shape[-1], use_bias=bias, name=layer.name)
    if layer.kind == "add":
        return layers.Add(name=layer.name)
    if layer.kind == "mean":
        return layers.GlobalAveragePooling2D(name=layer.name)
    if layer.kind == "flatten":
        return layers.Flatten(name=layer.name)
    return layers.Reshape(layer.shape, name=layer.name)
