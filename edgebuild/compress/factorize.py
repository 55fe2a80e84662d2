"""Factorization: a layer becomes two smaller ones that compute nearly the same."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from edgebuild.compress import Technique, Training
from edgebuild.errors import ToolError, UsageError

if TYPE_CHECKING:
    from edgebuild.compress._factors import Form
    from edgebuild.compress._ranks import Layer

_PLACE = "compression step 'factorize'"
_SAMPLES = 256
"""Training samples on which sensitivity is measured: enough to rank layers, few enough to do so in seconds."""


@dataclass(frozen=True)
class FactorizeSettings:
    """Settings of ``factorize``."""

    keep: float = field(default=0.5, metadata={"help": "share of the model's macs or weights that remains"})
    of: Literal["macs", "weights"] = field(default="macs", metadata={"help": "what keep is a share of"})
    kinds: tuple[Literal["channels", "depthwise", "spatial"], ...] = field(
        default=("channels", "depthwise", "spatial"),
        metadata={
            "help": "channels: fewer channels, then 1x1 (also Dense and 1x1); depthwise: KxK as depthwise and 1x1; "
            "spatial: KxK as Kx1 and 1xK"
        },
    )
    layers: tuple[str, ...] | None = field(default=None, metadata={"help": "names of the layers; default: all"})
    epochs: int = field(default=3, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=1e-3, metadata={"help": "of Adam"})

    def __post_init__(self) -> None:
        if not 0 < self.keep < 1:
            raise ValueError(f"keep must lie between 0 and 1, not {self.keep:g}")
        if not self.kinds:
            raise ValueError("kinds names no kind")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.layers == ():
            raise ValueError("layers names no layer")


class Factorize(Technique[FactorizeSettings]):
    """Low rank, depthwise separable and spatially separable pairs, chosen by sensitivity."""

    Settings = FactorizeSettings
    trains = True
    distill = 0.5

    def undoes(self, settings: FactorizeSettings, earlier: str, before: Any) -> str:
        if earlier == "cluster":
            return "the factors of clustered weights are not clustered"
        if earlier == "prune" and getattr(before, "pattern", "unstructured") != "channels":
            return "the factors of pruned weights are not zero"
        return ""

    def check(self, model: Any, settings: FactorizeSettings) -> None:
        from edgebuild.compress import _fine_tune, _ranks, _rebuild

        _rebuild.insist_plain(model, "factorize")
        layers = {layer.name: layer for layer in _fine_tune.layers(model)}
        possible = [name for name, layer in layers.items() if _ranks.factorizable(layer)]
        for name in settings.layers or ():
            if name not in layers:
                near = difflib.get_close_matches(name, layers, 1)
                remedy = f"did you mean {near[0]!r}?" if near else f"use some of {', '.join(possible)}"
                raise UsageError(_PLACE, f"the model has no layer {name!r}", remedy)
            if name not in possible:
                raise UsageError(
                    _PLACE,
                    f"cannot factorize layer {name!r} ({type(layers[name]).__name__})",
                    f"use some of {', '.join(possible)}" if possible else "remove the step",
                )

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: FactorizeSettings,
        progress: Callable[[float], None],
    ) -> Any:
        import numpy as np

        from edgebuild.compress import _fine_tune, _graph, _ranks, _rebuild

        assert training is not None, "a technique that trains is given training data"
        model = _graph.flat(model)
        drawn = np.random.default_rng(training.seed).permutation(len(training.x))[:_SAMPLES]
        samples = training.x.take(np.sort(drawn))
        names = None if settings.layers is None else frozenset(settings.layers)
        layers = _ranks.find(model, names, settings.kinds, samples)
        costs = _ranks.sensitivity(model, layers, samples, lambda fraction: progress(0.3 * fraction))
        before = amount(model, settings.of)
        chosen = _chosen(layers, costs, settings, before)
        parts = {one.name: _parts(one, chosen[one.name]) for one in layers if one.name in chosen}
        smaller = _rebuild.replaced(model, parts)
        _fine_tune.fit(
            smaller,
            training,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            progress=lambda fraction: progress(0.3 + 0.7 * fraction),
        )
        if amount(smaller, settings.of) > before * settings.keep:
            raise ToolError(
                "factorize",
                f"was to keep {settings.keep:.0%} of the {settings.of}, "
                f"but {amount(smaller, settings.of) / before:.1%} remain",
                "report this as a bug with the model",
            )
        return smaller


def amount(model: Any, of: Literal["macs", "weights"]) -> int:
    """Multiply-accumulates of ``model``, or its weights of rank 2 and above."""
    from edgebuild.compress import _macs

    if of == "macs":
        return _macs.of_model(model)
    return sum(int(weight.shape.num_elements()) for weight in model.trainable_weights if len(weight.shape) >= 2)


def _chosen(
    layers: Sequence[Layer], costs: dict[str, dict[Form, float]], settings: FactorizeSettings, before: int
) -> dict[str, Form]:
    """Form of each layer that is factorized.

    Raises:
        UsageError: the budget cannot be met.
    """
    from edgebuild.compress import _ranks

    of = settings.of
    rest = before - sum(one.amount(None, of) for one in layers)
    chosen = _ranks.choose(layers, costs, of, before * settings.keep - rest)
    if chosen is not None:
        return chosen
    least = rest + sum(min(one.amount(form, of) for form in one.forms) for one in layers)
    raise UsageError(
        _PLACE,
        f"was to keep {settings.keep:.0%} of the {of}, but even the smallest factors leave {least / before:.1%}",
        "raise keep, or make the model narrower: prune with pattern channels, or distill with a width",
    )


def _parts(one: Layer, form: Form) -> list[Any]:
    """The two layers that take the place of ``one``; the second has its bias and activation."""
    import numpy as np

    from edgebuild.compress import _factors
    from edgebuild.compress._rebuild import Part

    layer, config = one.layer, one.layer.get_config()
    first, second, shift = _factors.split(one.kernel, form, one.seen)
    bias = [np.asarray(layer.bias) + shift] if layer.use_bias else [shift] if shift.any() else []
    inner = {**config, "use_bias": False, "activation": "linear", "activity_regularizer": None}
    outer = {**config, "use_bias": bool(bias)}
    if type(layer).__name__ == "Dense":
        return [
            Part("Dense", {**inner, "units": form.rank}, [first[0, 0]]),
            Part("Dense", outer, [second[0, 0], *bias]),
        ]
    one_by_one = {"kernel_size": (1, 1), "strides": (1, 1), "dilation_rate": (1, 1), "padding": "valid"}
    if form.kind == "depthwise":
        kept = {key: config[key] for key in ("kernel_size", "strides", "padding", "dilation_rate", "dtype")}
        return [
            Part("DepthwiseConv2D", {**kept, "depth_multiplier": form.rank, "use_bias": False}, [first]),
            Part("Conv2D", {**outer, **one_by_one}, [second, *bias]),
        ]
    if form.kind == "channels":
        return [
            Part("Conv2D", {**inner, "filters": form.rank}, [first]),
            Part("Conv2D", {**outer, **one_by_one}, [second, *bias]),
        ]
    (height, width), (down, across) = config["kernel_size"], config["strides"]
    dilation = config["dilation_rate"]
    tall = {"kernel_size": (height, 1), "strides": (down, 1), "dilation_rate": (dilation[0], 1)}
    wide = {"kernel_size": (1, width), "strides": (1, across), "dilation_rate": (1, dilation[1])}
    return [
        Part("Conv2D", {**inner, **tall, "filters": form.rank}, [first]),
        Part("Conv2D", {**outer, **wide}, [second, *bias]),
    ]
