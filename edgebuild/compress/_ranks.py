"""Which layers are factorized, and how far: measured sensitivity against a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgebuild.compress import Fed, _factors, _macs
from edgebuild.compress._factors import Form, Kernel, Place, Seen

Resource = Literal["macs", "weights"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer that can be factorized.

    Attributes:
        layer: Conv2D or Dense of a flat tf_keras model.
        kernel: as four dimensions.
    """

    layer: Any
    kernel: Kernel
    place: Place
    seen: Seen
    forms: tuple[Form, ...]

    @property
    def name(self) -> str:
        """Of the layer."""
        return str(self.layer.name)

    def amount(self, form: Form | None, of: Resource) -> int:
        """Multiply-accumulates or weights in ``form``; None: as it is."""
        if form is None:
            return _factors.whole(self.kernel, self.place) if of == "macs" else self.kernel.size
        return form.macs if of == "macs" else form.weights


def find(model: Any, names: frozenset[str] | None, kinds: tuple[str, ...], samples: Fed) -> list[Layer]:
    """The layers of the flat ``model`` that some form makes smaller.

    Args:
        names: only these; None: all.
    """
    found = []
    for layer in model.layers:
        if not factorizable(layer) or (names is not None and layer.name not in names):
            continue
        kernel = np.asarray(layer.kernel, np.float32)
        kernel = kernel if kernel.ndim == 4 else kernel[None, None]
        place = _place(layer, _macs.calls(layer, model))
        forms = tuple(_factors.forms(kernel, place, tuple(kind for kind in kinds if _possible(kind, layer))))
        if forms:
            found.append((layer, kernel, place, forms))
    seen = _seen(model, [layer for layer, *_ in found], samples)
    return [Layer(*one[:3], look, one[3]) for one, look in zip(found, seen, strict=True)]


def factorizable(layer: Any) -> bool:
    """Whether it is a convolution without groups, or a Dense layer."""
    kind = type(layer).__name__
    return kind == "Dense" or (kind == "Conv2D" and layer.groups == 1 and layer.data_format == "channels_last")


def _possible(kind: str, layer: Any) -> bool:
    """TensorFlow's depthwise convolution wants the same stride and dilation in both directions."""
    if kind != "depthwise" or type(layer).__name__ == "Dense":
        return True
    return len(set(layer.strides)) == 1 and len(set(layer.dilation_rate)) == 1


def _place(layer: Any, calls: int) -> Place:
    shape, before = layer.get_output_shape_at(0), layer.get_input_shape_at(0)
    shape, before = (one[0] if isinstance(one, list) else one for one in (shape, before))
    if type(layer).__name__ == "Dense":
        return Place(int(np.prod(shape[1:-1], dtype=int)), 1, 1, calls)
    return Place(int(shape[1]), int(shape[2]), int(before[2]), calls)


def _seen(model: Any, layers: Sequence[Any], samples: Fed) -> list[Seen]:
    """What each layer answers to ``samples``, as mean and principal axes."""
    import tensorflow as tf
    import tf_keras

    if not layers:
        return []
    inside = tf_keras.Model(model.inputs, [layer.get_input_at(0) for layer in layers])
    sums = [np.zeros(layer.kernel.shape[-1]) for layer in layers]
    squares = [np.zeros((layer.kernel.shape[-1],) * 2) for layer in layers]
    counts = [0] * len(layers)
    for start in range(0, len(samples), 32):
        values = inside(samples[start : start + 32], training=False)
        for number, (layer, value) in enumerate(
            zip(layers, values if isinstance(values, list) else [values], strict=True)
        ):
            if type(layer).__name__ == "Dense":
                answer = tf.matmul(value, layer.kernel)
            else:
                answer = tf.nn.conv2d(
                    value, layer.kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate
                )
            flat = np.asarray(answer, np.float64).reshape(-1, answer.shape[-1])
            sums[number] += flat.sum(axis=0)
            squares[number] += flat.T @ flat
            counts[number] += len(flat)
    found = []
    for total, square, count in zip(sums, squares, counts, strict=True):
        mean = total / count
        _, axes = np.linalg.eigh(square / count - np.outer(mean, mean))
        found.append(Seen(mean.astype(np.float32), np.ascontiguousarray(axes[:, ::-1], np.float32)))
    return found


def sensitivity(
    model: Any, layers: Sequence[Layer], samples: Fed, progress: Callable[[float], None]
) -> dict[str, dict[Form, float]]:
    """How far the outputs move when a single layer is factorized, for each of its forms.

    The layer's own kernel is exchanged for the one that the pair computes, so nothing is built anew.
    """
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False), reduce_retracing=True)

    def answers() -> NDArray[Any]:
        return np.concatenate([np.asarray(function(samples[i : i + 64])) for i in range(0, len(samples), 64)])

    whole = answers()
    total, done = sum(len(one.forms) for one in layers), 0
    found: dict[str, dict[Form, float]] = {}
    for one in layers:
        kept = one.layer.get_weights()
        found[one.name] = {}
        for form in one.forms:
            first, second, shift = _factors.split(one.kernel, form, one.seen)
            weights = [_factors.joined(first, second, form).reshape(kept[0].shape), *kept[1:]]
            if len(weights) > 1:
                weights[1] = weights[1] + shift
            one.layer.set_weights(weights)
            found[one.name][form] = distance(whole, answers())
            done += 1
            progress(done / total)
        one.layer.set_weights(kept)
    return found


def distance(whole: NDArray[Any], other: NDArray[Any]) -> float:
    """Kullback-Leibler divergence of class probabilities, else the mean squared difference over the variance."""
    if whole.ndim == 2 and whole.shape[1] > 1 and whole.min() >= 0 and np.allclose(whole.sum(axis=1), 1, atol=1e-3):
        ratio = np.log(whole + 1e-7) - np.log(other + 1e-7)
        return max(0.0, float((whole * ratio).sum(axis=1).mean()))
    return float(np.mean((whole - other) ** 2) / (np.var(whole) + 1e-12))


def choose(
    layers: Sequence[Layer], costs: Mapping[str, Mapping[Form, float]], of: Resource, most: float
) -> dict[str, Form] | None:
    """Form of each layer that is factorized, so that the layers together take ``most`` at the most.

    The sum of the costs is made as small as a single price for the resource can make it (Lagrange relaxation).

    Returns:
        None when even the smallest forms take more.
    """

    def at(price: float) -> dict[str, Form | None]:
        chosen: dict[str, Form | None] = {}
        for one in layers:
            options: list[Form | None] = [None, *one.forms]
            chosen[one.name] = min(
                options,
                key=lambda form, one=one: (  # type: ignore[misc]
                    (costs[one.name][form] if form is not None else 0.0) + price * one.amount(form, of),
                    one.amount(form, of),
                ),
            )
        return chosen

    def takes(chosen: Mapping[str, Form | None]) -> int:
        return sum(one.amount(chosen[one.name], of) for one in layers)

    low, high = 0.0, 1e3
    if takes(at(high)) > most:
        return None
    for _ in range(80):
        middle = (low * high) ** 0.5 if low else high / 16
        if takes(at(middle)) > most:
            low = middle
        else:
            high = middle
        if low and high / low < 1.001:
            break
    return {name: form for name, form in at(high).items() if form is not None}
