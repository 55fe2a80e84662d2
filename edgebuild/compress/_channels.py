"""Structured pruning: whole filters go, with all that read them, so that the model really becomes smaller.

A filter's importance is the change of the loss that its removal makes to first order (Molchanov et al., 2019: the
sum of weight times gradient), measured on training samples; where BatchNorm follows, on its scale and shift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.compress import Training, _flow, _graph, _macs, _spread
from edgebuild.errors import ToolError, UsageError

PLACE = "compression step 'prune'"
MULTIPLE = 4
"""Filters stay in multiples of this where there are as many: kernels work on that many lanes at once."""

_SAMPLES, _BATCH = 1024, 64


def check(model: Any, layers: tuple[str, ...] | str | None) -> None:
    """Refuse a model of which no filter can go.

    Raises:
        UsageError: naming what stands in the way.
    """
    _groups(_graph.flat(model), layers)


def narrow(
    model: Any,
    training: Training,
    share: float,
    layers: tuple[str, ...] | str | None,
    progress: Callable[[float], None],
) -> Any:
    """``model``, flattened, without the filters that matter least, so that ``share`` of its multiplications goes.

    Args:
        layers: only these layers' filters; ``auto``: of each layer as many as it bears; None: of each the same share.

    Raises:
        UsageError: so many cannot go.
    """
    flat = _graph.flat(model)
    flow, groups = _groups(flat, layers)
    importance = _importance(flat, flow, training)
    ordered = {name: sorted(roots, key=lambda root: (importance[root], root)) for name, roots in groups.items()}
    growth: dict[str, list[float]] | None = None
    if layers == "auto":
        growth = _spread.losses(flat, training, list(groups), _silencer(flat, flow, ordered), progress)
    whole = _macs.of_model(flat)
    sizes = {name: _cost(flat, flow, set(roots)) for name, roots in groups.items()}

    def counts(strength: float) -> dict[str, int]:
        levels = dict.fromkeys(groups, strength) if growth is None else _spread.spread(growth, sizes, strength)
        return {name: _number(len(roots), levels[name]) for name, roots in ordered.items()}

    def left(numbers: Mapping[str, int]) -> float:
        return _left(flat, flow, _gone(ordered, numbers))

    low, high = 0.0, 0.95
    most = left(counts(high)) / whole
    if most > 1 - share:
        raise UsageError(
            PLACE,
            f"{1 - most:.1%} of the multiplications is the most that removing filters saves here, not {share:.1%}",
            "lower sparsity, or let more layers be pruned",
        )
    for _ in range(20):
        middle = (low + high) / 2
        enough = left(counts(middle)) <= (1 - share) * whole
        low, high = (low, middle) if enough else (middle, high)
    numbers = _given_back(counts(high), ordered, importance, lambda fewer: left(fewer) <= (1 - share) * whole)
    narrowed = _without(flat, flow, _gone(ordered, numbers))
    after = _macs.of_model(narrowed)
    if after > (1 - share) * whole:
        raise ToolError(
            PLACE, f"was to leave {1 - share:.0%} of {whole} multiplications, but left {after}", "report it"
        )
    return narrowed


def _groups(flat: Any, layers: tuple[str, ...] | str | None) -> tuple[_flow.Flow, dict[str, list[int]]]:
    """The channels of ``flat``, and the roots of those that may go, by the layer whose filters they are."""
    flow = _flow.follow(flat)
    kept = flow.kept
    groups: dict[str, list[int]] = {}
    seen: set[int] = set()
    makers = [layer.name for layer in flat.layers if type(layer).__name__ in _flow.FILTERS and layer.name in flow.out]
    for name in makers:
        roots = [int(root) for root in dict.fromkeys(flow.roots(flow.out[name])) if int(root) not in kept | seen]
        seen.update(roots)
        if len(roots) > 1:
            groups[name] = roots
    if isinstance(layers, tuple):
        for name in layers:
            if name not in groups:
                raise UsageError(
                    PLACE,
                    f"no filter of layer {name!r} can be removed",
                    f"use some of {', '.join(groups) or 'none'}",
                )
        groups = {name: groups[name] for name in layers}
    if not groups:
        raise UsageError(
            PLACE,
            "no filter can be removed: every one makes an output of the model, or a layer needs it that edgebuild "
            "cannot narrow",
            "remove the step, or use another pattern",
        )
    return flow, groups


def _gone(ordered: Mapping[str, list[int]], numbers: Mapping[str, int]) -> set[int]:
    """The filters that go when of each group so many do."""
    return {root for name, roots in ordered.items() for root in roots[: numbers[name]]}


def _given_back(
    numbers: dict[str, int],
    ordered: Mapping[str, list[int]],
    importance: Mapping[int, float],
    fits: Callable[[Mapping[str, int]], bool],
) -> dict[str, int]:
    """``numbers`` less what need not go after all: groups shrink in jumps, and together jump further than they must."""
    while True:
        best, gain = None, -1.0
        for name, number in numbers.items():
            step = min(number, MULTIPLE if len(ordered[name]) >= 2 * MULTIPLE else 1)
            worth = sum(importance[root] for root in ordered[name][number - step : number])
            if step and worth > gain and fits({**numbers, name: number - step}):
                best, gain = (name, number - step), worth
        if best is None:
            return numbers
        numbers = {**numbers, best[0]: best[1]}


def _number(count: int, level: float) -> int:
    """How many of ``count`` filters go at ``level``; what stays is a multiple of :data:`MULTIPLE` if it can be."""
    stays = max(1, round(count * (1 - level)))
    if count >= 2 * MULTIPLE:
        stays = min(count, max(MULTIPLE, round(stays / MULTIPLE) * MULTIPLE))
    return count - stays


def _importance(flat: Any, flow: _flow.Flow, training: Training) -> Mapping[int, float]:
    """Of every root: the summed squares, over batches, of the loss's first-order change when it is silenced."""
    import tensorflow as tf

    from edgebuild.compress import _fine_tune

    loss = _fine_tune.loss(flat, training)
    normed = {int(r) for layer in flat.layers if _is_norm(layer) for r in flow.roots(flow.out[layer.name])}
    tracked: list[tuple[Any, NDArray[Any], bool]] = []
    for layer in flat.layers:
        if layer.name not in flow.out:
            continue
        roots = flow.roots(flow.out[layer.name])
        if _is_norm(layer):
            tracked += [(weight, roots, True) for weight in (layer.gamma, layer.beta) if weight is not None]
        elif type(layer).__name__ in _flow.FILTERS:
            own = [
                w for w in layer.trainable_weights if w.shape[-1] == len(roots) or "Transpose" in type(layer).__name__
            ]
            tracked += [(weight, roots, False) for weight in own if "depthwise" not in weight.name]
    variables = [variable for variable, _, _ in tracked]
    found: dict[int, float] = dict.fromkeys((flow.root(number) for number in range(len(flow._parents))), 0.0)

    def differentiate(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(y, flat(x, training=False))
        return tape.gradient(value, variables, unconnected_gradients="zero")

    gradients = tf.function(differentiate)

    chosen = np.linspace(0, len(training.x) - 1, min(_SAMPLES, len(training.x))).astype(np.int64)
    for at in range(0, len(chosen), _BATCH):
        batch = chosen[at : at + _BATCH]
        change: dict[int, float] = {}
        for (variable, roots, norm), gradient in zip(
            tracked, gradients(training.x[batch], training.y[batch]), strict=True
        ):
            product = np.asarray(variable) * np.asarray(gradient)
            if product.ndim > 2 and product.shape[-1] != len(roots):  # a transposed convolution's (…, outputs, inputs)
                product = np.swapaxes(product, -1, -2)
            sums = product.reshape(-1, product.shape[-1]).sum(axis=0)
            for root, value in zip(roots.tolist(), sums.tolist(), strict=True):
                if norm or root not in normed:
                    change[root] = change.get(root, 0.0) + value
        for root, value in change.items():
            found[root] += value * value
    return found


def _is_norm(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization"


def _silencer(
    flat: Any, flow: _flow.Flow, ordered: Mapping[str, list[int]]
) -> Callable[[str, float], Callable[[], None]]:
    """Silences the least important share of a layer's filters in place, and returns what undoes it."""

    def silence(name: str, level: float) -> Callable[[], None]:
        roots = set(ordered[name][: _number(len(ordered[name]), level)])
        undo: list[tuple[Any, NDArray[Any]]] = []
        for layer in flat.layers:
            kind = type(layer).__name__
            if layer.name not in flow.out or not (_is_norm(layer) or kind in _flow.FILTERS):
                continue
            stays = np.array([int(root) not in roots for root in flow.roots(flow.out[layer.name])])
            if stays.all():
                continue
            names = ("gamma", "beta") if _is_norm(layer) else ("kernel", "pointwise_kernel", "bias")
            for weight in (getattr(layer, one, None) for one in names):
                if weight is None:
                    continue
                values = np.asarray(weight)
                undo.append((weight, values))
                swapped = kind == "Conv2DTranspose" and values.ndim > 1
                weight.assign(values * (stays[:, np.newaxis] if swapped else stays))

        def restore() -> None:
            for weight, values in undo:
                weight.assign(values)

        return restore

    return silence


def _left(flat: Any, flow: _flow.Flow, gone: set[int]) -> float:
    """Multiplications of ``flat`` without the filters ``gone``."""
    total = 0.0
    for layer in flat.layers:
        macs = _macs.of_layer(layer)
        if macs and layer.name in flow.out:
            into, out = _stays(flow, flow.into[layer.name], gone), _stays(flow, flow.out[layer.name], gone)
            share = out.mean() if "Depthwise" in type(layer).__name__ else into.mean() * out.mean()
            if type(layer).__name__ == "SeparableConv2D":
                deep, point = (int(np.prod(one.shape)) for one in (layer.depthwise_kernel, layer.pointwise_kernel))
                share = into.mean() * (deep + point * out.mean()) / (deep + point)
            macs = macs * share
        total += macs * max(1, _macs.calls(layer, flat))
    return total


def _cost(flat: Any, flow: _flow.Flow, roots: set[int]) -> int:
    """Multiplications that go with ``roots`` alone."""
    return max(1, round(_left(flat, flow, set()) - _left(flat, flow, roots)))


def _stays(flow: _flow.Flow, numbers: NDArray[Any], gone: set[int]) -> NDArray[Any]:
    return np.array([int(root) not in gone for root in flow.roots(numbers)])


def _without(flat: Any, flow: _flow.Flow, gone: set[int]) -> Any:
    """``flat`` without the filters ``gone``, and without what reads them."""

    def make(layer: Any) -> _graph.Fresh:
        kind = type(layer).__name__
        config = layer.get_config()
        if layer.name not in flow.out:
            return _graph.Fresh(_graph.copy(layer))
        into, out = _stays(flow, flow.into[layer.name], gone), _stays(flow, flow.out[layer.name], gone)
        weights = [np.asarray(weight) for weight in layer.get_weights()]
        if kind in _flow.FILTERS:
            config["units" if kind == "Dense" else "filters"] = int(out.sum())
            weights = [_sliced(kind, number, weight, into, out) for number, weight in enumerate(weights)]
        elif kind == "DepthwiseConv2D":
            weights = [weight[..., out, :] if weight.ndim > 1 else weight[out] for weight in weights]
        elif kind in _flow.OF_CHANNELS:
            weights = [weight[..., out] for weight in weights]
        elif kind == "Reshape":
            config["target_shape"] = (*config["target_shape"][:-1], int(out.sum()))
        return _graph.Fresh(type(layer).from_config(config), weights)

    return _graph.rebuilt(flat, make)


def _sliced(kind: str, number: int, weight: NDArray[Any], into: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """One of a filter layer's weights, in Keras's order."""
    if weight.ndim == 1:
        return np.asarray(weight[out])
    if kind == "SeparableConv2D" and number == 0:
        return np.asarray(weight[..., into, :])
    if kind == "Conv2DTranspose":
        return np.asarray(weight[..., out, :][..., into])
    return np.asarray(weight[..., into, :][..., out])
