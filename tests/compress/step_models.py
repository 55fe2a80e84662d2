"""Compresses small models in one process with TensorFlow: ``python step_models.py FOLDER``.

Prints what came of it as JSON, and leaves the integers of every .tflite in FOLDER as .npz by layer.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import numpy as np
import tensorflow as tf
import tf_keras

from edgebuild import compress, convert, loaders
from edgebuild.compress import Fed, Training, _channels, _fold, _graph, _keep, _macs, _patterns, _steady
from edgebuild.convert import _flatbuffer
from edgebuild.errors import UsageError
from edgebuild.worker import promises

layers = tf_keras.layers
RANDOM = np.random.default_rng(3)
X = RANDOM.random((96, 12, 12, 4), dtype=np.float32)
DATA = Training(Fed((X,)), RANDOM.integers(0, 5, 96), "data.npz", 1)
FOLDER = Path(sys.argv[1])
FOUND: dict[str, Any] = {}


def residual() -> Any:
    """A nested model, an Add, a Concatenate, a gate on the channels, a transposed and a separable convolution."""
    tf_keras.utils.set_random_seed(4)
    block = [layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv"), layers.BatchNormalization(name="norm")]
    inner = tf_keras.Sequential([layers.Input((6, 6, 16)), *block, layers.ReLU()], name="inner")
    image = layers.Input((12, 12, 4), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", name="conv")(image)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.Add()([x, inner(x)])
    y = layers.PReLU(shared_axes=[1, 2])(layers.DepthwiseConv2D(3, padding="same", name="deep")(x))
    y = layers.Conv2D(24, 1, activation="relu", name="point")(y)
    gate = layers.Dense(8, activation="relu", name="squeeze")(layers.GlobalAveragePooling2D()(y))
    gate = layers.Reshape((1, 1, 24))(layers.Dense(24, activation="sigmoid", name="excite")(gate))
    y = layers.Multiply()([y, gate])
    z = layers.BatchNormalization(name="other_norm")(layers.SeparableConv2D(12, 3, padding="same", name="sep")(x))
    x = layers.MaxPooling2D()(layers.Concatenate()([y, z]))
    x = layers.Flatten()(layers.AveragePooling2D(3)(layers.Conv2DTranspose(8, 2, strides=2, name="up")(x)))
    x = layers.Dense(32, activation="relu", name="hidden")(x)
    model = tf_keras.Model(image, layers.Dense(5, activation="softmax", name="classes")(x), name="residual")
    for layer in (*model.layers, *inner.layers):
        if type(layer).__name__ == "BatchNormalization":
            count = layer.gamma.shape[0]
            layer.set_weights([RANDOM.random(count) + low for low in (0.5, -0.5, -0.5, 0.5)])
    return model


def chain() -> Any:
    """A 3x3 and a 1x1 convolution with BatchNorm, and two Dense layers: what kernels skip zeros in."""
    tf_keras.utils.set_random_seed(5)
    image = layers.Input((12, 12, 4), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="wide")(image)
    x = layers.ReLU()(layers.BatchNormalization(name="wide_norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = layers.Conv2D(18, 1, activation="swish", name="point")(x)
    x = layers.Dense(32, activation="relu", name="hidden")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    return tf_keras.Model(image, layers.Dense(5, activation="softmax", name="classes")(x), name="chain")


def step(name: str, model: Any, **values: Any) -> Any:
    technique, settings = compress.find(name), compress.settings(name, {"batch_size": 16, "epochs": 1, **values})
    technique.check(model, settings)
    tf_keras.utils.set_random_seed(1)
    return technique.apply(model, DATA, settings, lambda fraction: None)


def tflite(model: Any, precision: str = "int8", **values: Any) -> convert.Result:
    loaded = loaders.of_tf_keras(model, Path("net.h5"))
    inputs = tuple(convert.Port(one.name, one.shape, one.dtype) for one in loaded.inputs)
    source = convert.Source("net.h5", loaded.name, loaded.call, inputs, loaded.layers, loaded.variables)
    own = convert.find(precision)
    settings, _ = convert.settings(precision, {**own.quick, **values})  # tests of convert let it choose
    result = own.convert(source, X[:16], "int8", lambda fraction: None, settings)
    promises.insist(model, result.content)
    return result


def integers(name: str, model: Any, **values: Any) -> bytes:
    """Writes the integer weights of the converted ``model`` as NAME.npz."""
    content = tflite(model, **values).content
    tree = _flatbuffer.read(content)
    found = {}
    for operator in tree.subgraphs[0].operators:
        tensor = _flatbuffer.weights(tree, operator)
        if tensor is not None:
            parts = _flatbuffer.name(tensor).split(";")
            layer = next(part.split("/")[0] for part in parts if "norm" not in part.split("/")[0])
            found[layer] = _flatbuffer.constant(tree, tensor)
    np.savez(FOLDER / f"{name}.npz", **found)
    return content


def refused(name: str, act: Any) -> None:
    try:
        act()
    except UsageError as error:
        FOUND[name] = str(error)


def patterns() -> None:
    names = ["wide", "point", "hidden"]
    for number, pattern in enumerate(("unstructured", "2x4", "2:4")):
        sparsity = {} if ":" in pattern else {"sparsity": 0.75}
        integers(f"pattern{number}", step("prune", chain(), pattern=pattern, layers=names, **sparsity))
    both = step("prune", chain(), pattern="2x4", dense_pattern="4x4", sparsity=0.75, layers=names)
    integers("both", both)
    refused("no_target", lambda: step("prune", chain(), pattern="target"))
    masks = {}
    for name, shape, last in (("dense", (30, 10), True), ("conv", (3, 3, 6, 9), True), ("up", (2, 2, 9, 6), False)):
        weight = tf.constant(RANDOM.normal(size=shape).astype(np.float32))
        for pattern in ("1x4", "4x4", "8x4", "1:4", "2x2", "2x4/4"):
            mask = np.asarray(_patterns.mask(_patterns.parse(pattern), weight, 0.75, outputs_last=last))
            masks[f"{name} {pattern}"] = mask if last else mask.swapaxes(-1, -2)
            masks[f"{name} {pattern} of"] = np.abs(np.asarray(weight) if last else np.asarray(weight).swapaxes(-1, -2))
    np.savez(FOLDER / "eager.npz", **masks)
    spread = step("prune", residual(), pattern="2x4", sparsity=0.6, layers="auto")
    kernels = [w for w in spread.trainable_weights if "kernel" in w.name and "depthwise" not in w.name]
    kernels = [w for w in kernels if "deep" not in w.name]
    blocks = _patterns.parse("2x4")
    each = [_patterns.share(blocks, np.asarray(w), outputs_last="up" not in w.name) for w in kernels]
    sizes = [int(np.size(w)) for w in kernels]
    FOUND["auto"] = {
        "share": sum(a * b for a, b in zip(each, sizes, strict=True)) / sum(sizes),
        "of_weights": sum(int(np.sum(np.asarray(w) == 0)) for w in kernels) / sum(sizes),
        "each": each,
    }


def combined() -> None:
    pruned = step("prune", chain(), sparsity=0.75, pattern="2x4", layers=["wide", "hidden"])
    masks = {name: np.asarray(pruned.get_layer(name).kernel) == 0 for name in ("wide", "hidden")}
    np.savez(FOLDER / "masks.npz", **masks)
    clustered = step("cluster", pruned, clusters=8)
    trained = step("qat", clustered)
    FOUND["fused"] = [layer.name for layer in trained.layers]
    integers("combined", trained, precision="int8_qat")
    held = {one.weight.name: one.mask is not None for one in _keep.held(trained)}
    FOUND["held"] = sorted(name.split("/")[0] for name, zero in held.items() if zero)
    integers("by_layer", step("cluster", chain(), clusters=8, per="layer"))
    FOUND["bytes"] = [
        hashlib.sha256(
            b"".join(w.tobytes() for w in step("qat", step("prune", chain(), pattern="1x4")).get_weights())
        ).hexdigest()
        for _ in range(2)
    ]


def rounding() -> None:
    model = residual()
    FOUND["folding"] = float(np.abs(_fold.folded(model).predict(X, verbose=0) - model.predict(X, verbose=0)).max())
    FOUND["flat"] = float(np.abs(_graph.flat(model).predict(X, verbose=0) - model.predict(X, verbose=0)).max())
    trained = step("qat", model)
    off = []
    for layer in trained.layers:
        for name, axes in (("kernel", (-1,)), ("depthwise_kernel", (-2, -1)), ("pointwise_kernel", (-1,))):
            weight = getattr(layer, name, None)
            if weight is None or "Transpose" in type(layer).__name__:
                continue
            values = np.asarray(weight, np.float64)
            own = {axis % values.ndim for axis in axes}
            scale = np.abs(values).max(axis=tuple(a for a in range(values.ndim) if a not in own), keepdims=True) / 127
            off.append(float(np.abs(values / scale - np.round(values / scale)).max()))
    FOUND["off_grid"] = max(off)
    FOUND["integers"] = tflite(trained, "int8_qat").facts["worst"] != ""


def narrow() -> None:
    """Weights of 16 levels, on top of zeros, in float and in the .tflite."""
    pruned = step("prune", chain(), sparsity=0.75, pattern="2x4", layers=["point", "hidden"])
    masks = {name: np.asarray(pruned.get_layer(name).kernel) == 0 for name in ("point", "hidden")}
    trained = step("qat", pruned, int4="most")
    content = integers("narrow", trained, precision="int8_qat")
    for name, mask in masks.items():
        assert not np.asarray(trained.get_layer(name).kernel)[mask].any()
    tree = _flatbuffer.read(content)
    tensors, off, bias_off = tree.subgraphs[0].tensors, {}, {}
    for operator in tree.subgraphs[0].operators:
        weights = _flatbuffer.weights(tree, operator)
        if weights is None or _flatbuffer.kind(tree, operator) == "DEPTHWISE_CONV_2D":
            continue
        ours = next(one for one in trained.layers if f"{one.name}/" in _flatbuffer.name(weights) and one.weights)
        scales = np.asarray(weights.quantization.scale)
        real = _flatbuffer.constant(tree, weights) * scales.reshape(-1, *[1] * (len(weights.shape) - 1))
        kernel = np.moveaxis(np.asarray(ours.kernel), -1, 0).reshape(real.shape)
        off[ours.name] = float((np.abs(real - kernel) / scales.reshape(-1, *[1] * (real.ndim - 1))).max())
        bias = tensors[operator.inputs[2]]
        scale = np.asarray(bias.quantization.scale)
        assert np.allclose(scale, tensors[operator.inputs[0]].quantization.scale[0] * scales, rtol=1e-5)
        error = np.abs(_flatbuffer.constant(tree, bias) * scale - np.asarray(ours.bias))
        bias_off[ours.name] = float((error / np.maximum(scale, 1e-6 * np.abs(ours.bias))).max())
    FOUND["narrow"] = {"weights": off, "biases": bias_off}
    by_tensor = step("qat", chain(), int4=["hidden"], dense="per_tensor")
    integers("narrow_by_tensor", by_tensor, precision="int8_qat", dense="per_tensor")
    refused("no_int4", lambda: step("qat", chain(), int4=["deep"]))
    refused("unknown_int4", lambda: step("qat", chain(), int4=["hiden"]))
    one = tf_keras.Sequential([layers.Input((7,)), layers.Dense(5, name="only")])
    refused("nothing_int4", lambda: step("qat", one, int4="most"))


def channels() -> None:
    model = residual()
    flat = _graph.flat(model)
    flow, groups = _channels._groups(flat, None)
    FOUND["groups"] = {name: len(roots) for name, roots in groups.items()}
    differences = {}
    for name, roots in groups.items():
        gone = set(roots[: _channels._number(len(roots), 0.5)])
        narrow = _channels._without(flat, flow, gone)
        undo = _channels._silencer(flat, flow, {name: roots})(name, 0.5)
        answers = flat.predict(X, verbose=0), narrow.predict(X, verbose=0)
        undo()
        predicted, counted = _channels._left(flat, flow, gone), _macs.of_model(narrow)
        differences[name] = [float(np.abs(answers[0] - answers[1]).max()), predicted - counted]
    FOUND["removed"] = differences
    for name, wanted in (("even", None), ("spread", "auto"), ("named", ["hidden"])):
        share = 0.005 if name == "named" else 0.5
        narrow = step("prune", residual(), pattern="channels", sparsity=share, layers=wanted)
        FOUND[name] = {
            "macs": [_macs.of_model(model), _macs.of_model(narrow)],
            "bytes": [len(tflite(model).content), len(tflite(narrow).content)],
            "hidden": narrow.get_layer("hidden").units,
            "outputs": narrow.output_shape[-1],
        }
    refused("too_much", lambda: step("prune", residual(), pattern="channels", sparsity=0.5, layers=["hidden"]))
    refused("output", lambda: step("prune", residual(), pattern="channels", layers=["classes"]))
    one = tf_keras.Sequential([layers.Input((7,)), layers.Dense(5, name="only")])
    refused("none", lambda: step("prune", one, pattern="channels"))
    refused("small", lambda: step("cluster", chain(), clusters=16, layers=["deep"]))


def steadied() -> None:
    """How far answers move when a layer's weights are halved, as the model is and while its channels are steady."""
    model = residual()
    before = [np.array(weight) for weight in model.get_weights()]
    moved = {}
    for name in ("conv", "point", "hidden", "classes"):
        layer, kept = model.get_layer(name), model.get_layer(name).get_weights()

        def halved(layer: Any = layer, kept: Any = kept) -> float:
            """With the weights as they are, then with half of them; the layer is left as it was."""
            whole = np.asarray(model(X[:32], training=False))
            layer.set_weights([weight / 2 for weight in kept])
            half = np.asarray(model(X[:32], training=False))
            layer.set_weights(kept)
            return float(np.abs(whole - half).max())

        with _steady.steady(model, [name], [X[:32]]):
            inside = halved()
        moved[name] = [halved(), inside]
    FOUND["steady"] = {
        "moved": moved,
        "as_it_was": all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)),
        "activations": [model.get_layer(name).activation.__name__ for name in ("conv", "point", "classes")],
    }


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.experimental.enable_op_determinism()
    for part in (patterns, combined, rounding, narrow, channels, steadied):
        part()
    sys.stdout.write(json.dumps(FOUND))


main()
