"""Magnitude pruning: the smallest weights become zero while the rest is fine-tuned (TF-MOT), or filters go altogether.

A .tflite does not shrink by zeros, since they are stored; what shrinks is the compressed image, and the C code where
the target's kernels skip zeros.  The pattern ``channels`` does shrink it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.compress import Technique, Training, _choice, _patterns
from edgebuild.errors import ToolError

SHARE = 0.5

_RAMP = 0.4
"""Share of the steps over which zeros grow."""


@dataclass(frozen=True)
class PruneSettings:
    """Settings of ``prune``."""

    sparsity: float | None = field(
        default=None,
        metadata={
            "help": "share of zeros in each pruned layer, above 0, below 1; for n:m the pattern says it; for channels "
            "the share of the multiplications that goes; default 0.5"
        },
    )
    pattern: str = field(
        default="unstructured",
        metadata={
            "help": "unstructured; n:m, where n of m consecutive inputs stay, such as 2:4; blocks of outputs x inputs "
            "that go together, such as 2x4; channels, which removes whole filters"
        },
    )
    schedule: Literal["polynomial", "constant"] = field(
        default="polynomial", metadata={"help": "how the zeros grow: towards the goal, or all at once"}
    )
    epochs: int = field(default=2, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=1e-3, metadata={"help": "of Adam"})
    layers: tuple[str, ...] | Literal["auto"] | None = field(
        default=None,
        metadata={
            "help": "names of the layers; auto: all, each as far as it bears it, so that sparsity holds over all of "
            "them; default: all but the first convolution and the classifier"
        },
    )

    def __post_init__(self) -> None:
        if self.pattern != _patterns.CHANNELS:
            stated = _patterns.parse(self.pattern).sparsity
            if stated is not None and self.sparsity is not None and abs(stated - self.sparsity) > 1e-6:
                raise ValueError(f"pattern {self.pattern} means sparsity {stated:g}, not {self.sparsity:g}")
            if stated is not None and self.layers == "auto":
                raise ValueError(
                    f"pattern {self.pattern} gives every layer the same sparsity, so layers cannot be auto"
                )
        if self.sparsity is not None and not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity must lie between 0 and 1, not {self.sparsity:g}")
        if self.layers == "auto" and self.share > 0.95:
            raise ValueError(f"with layers auto, sparsity may be 0.95 at most, not {self.share:g}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.layers == ():
            raise ValueError("layers names no layer")
        object.__setattr__(self, "sparsity", self.share)  # the report shall name it, wherever it was stated

    @property
    def share(self) -> float:
        """The sparsity, wherever it is stated."""
        stated = None if self.pattern == _patterns.CHANNELS else _patterns.parse(self.pattern).sparsity
        return stated or self.sparsity or SHARE


class Prune(Technique[PruneSettings]):
    """TF-MOT's ``prune_low_magnitude`` around chosen layers, with masks of the pattern's; or narrower layers."""

    Settings = PruneSettings
    trains = True

    def undoes(self, settings: PruneSettings, earlier: str, before: Any) -> str:
        if earlier == "qat":
            return "its fine-tuning would move the weights from where int8 has them"
        if earlier == "cluster":
            return "zeroed weights would leave the clusters that were made of them"
        if earlier == "prune" and settings.pattern == _patterns.CHANNELS != before.pattern:
            return "removing filters would shift the zeros of the layers behind them"
        return ""

    def check(self, model: Any, settings: PruneSettings) -> None:
        if settings.pattern == _patterns.CHANNELS:
            from edgebuild.compress import _channels

            _channels.check(model, settings.layers)
        else:
            _choose(model, settings)

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: PruneSettings,
        progress: Callable[[float], None],
    ) -> Any:
        assert training is not None, "a technique that trains is given training data"
        if settings.pattern == _patterns.CHANNELS:
            return _narrowed(model, training, settings, progress)
        pattern = _patterns.parse(settings.pattern)
        chosen = _choose(model, settings)
        begun = 0.0
        if settings.layers == "auto":
            begun = 0.2  # of the time, roughly
            goals = _goals(model, training, settings, pattern, chosen, lambda done: progress(begun * done))
        else:
            goals = dict.fromkeys(chosen, settings.share)
        pruned = _train(model, training, settings, pattern, goals, lambda done: progress(begun + (1 - begun) * done))
        _insist(pruned, goals, pattern)
        return pruned


def _narrowed(model: Any, training: Training, settings: PruneSettings, progress: Callable[[float], None]) -> Any:
    """``model`` with fewer filters, fine-tuned."""
    from edgebuild.compress import _channels, _fine_tune

    narrow = _channels.narrow(model, training, settings.share, settings.layers, lambda done: progress(0.2 * done))
    _fine_tune.fit(
        narrow,
        training,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        progress=lambda done: progress(0.2 + 0.8 * done),
    )
    return narrow


def _train(
    model: Any,
    training: Training,
    settings: PruneSettings,
    pattern: _patterns.Pattern,
    goals: dict[str, float],
    progress: Callable[[float], None],
) -> Any:
    """``model`` fine-tuned while its layers' zeros grow to ``goals``."""
    import tensorflow_model_optimization as tfmot
    import tf_keras

    from edgebuild.compress import _fine_tune

    sparsity = tfmot.sparsity.keras
    total = _fine_tune.all_steps(training, settings.epochs, settings.batch_size)

    def wrap(layer: Any) -> Any:
        if hasattr(layer, "layers"):
            return tf_keras.models.clone_model(layer, clone_function=wrap)
        if goals.get(layer.name, 0) > 0:
            schedule = _schedule(settings, goals[layer.name], total, sparsity)
            return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)
        return layer

    wrapped = tf_keras.models.clone_model(model, clone_function=wrap)
    for layer in _fine_tune.layers(wrapped):
        if hasattr(layer, "pruning_obj"):
            _use(pattern, layer)
    _fine_tune.fit(
        wrapped,
        training,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        callbacks=[sparsity.UpdatePruningStep()],
        progress=progress,
        settled=_RAMP if settings.schedule == "polynomial" else 0.0,
    )
    return sparsity.strip_pruning(wrapped)


def _use(pattern: _patterns.Pattern, wrapper: Any) -> None:
    """Let TF-MOT's ``wrapper`` take its masks from ``pattern``: its own blocks are for Dense layers only."""
    pruning = wrapper.pruning_obj

    def update(weights: Any) -> tuple[float, Any]:
        goal = pruning._pruning_schedule(pruning._step_fn())[1]
        return 0.0, _patterns.mask(pattern, weights, goal, outputs_last=_outputs_last(wrapper.layer))

    pruning._maybe_update_block_mask = update


def _schedule(settings: PruneSettings, goal: float, total: int, sparsity: Any) -> Any:
    """Zeros grow over the first :data:`_RAMP` of ``total`` steps, the last update exactly at their end.

    The rest is for the weights that remain, while the learning rate is still high: with 90 % zeros, of 2 epochs on
    Fashion-MNIST, a ramp of 40 % ends 1.7 points better than one of 70 %, and 0.5 better than one of 20 %.
    """
    if settings.schedule == "constant":
        return sparsity.ConstantSparsity(goal, begin_step=0, frequency=max(1, total // 20))
    ramp = max(1, int(total * _RAMP))
    frequency = max(1, ramp // 20)
    return sparsity.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=goal,
        begin_step=0,
        end_step=ramp // frequency * frequency,
        frequency=frequency,
    )


def _goals(
    model: Any,
    training: Training,
    settings: PruneSettings,
    pattern: _patterns.Pattern,
    chosen: frozenset[str],
    progress: Callable[[float], None],
) -> dict[str, float]:
    """Sparsity of each layer, so that all of them together have the one that was asked for."""
    import numpy as np

    from edgebuild.compress import _fine_tune, _spread

    layers = {layer.name: layer for layer in _fine_tune.layers(model) if layer.name in chosen}

    def compress(name: str, level: float) -> Callable[[], None]:
        weights = _weights(layers[name])
        before = [np.asarray(weight) for weight in weights]
        for weight in weights:
            kept = _patterns.mask(pattern, weight, level, outputs_last=_outputs_last(layers[name]))
            weight.assign(weight * kept)

        def undo() -> None:
            for weight, values in zip(weights, before, strict=True):
                weight.assign(values)

        return undo

    growth = _spread.losses(model, training, tuple(layers), compress, progress)
    sizes = {name: sum(int(np.size(weight)) for weight in _weights(layer)) for name, layer in layers.items()}
    return _spread.spread(growth, sizes, settings.share)


def _weights(layer: Any) -> list[Any]:
    """The weights of ``layer`` that TF-MOT prunes; none where it cannot."""
    from tensorflow_model_optimization.python.core.sparsity.keras import prune_registry

    registry = prune_registry.PruneRegistry
    if not registry.supports(layer):
        return []
    return list(registry.make_prunable(layer).get_prunable_weights())


def _outputs_last(layer: Any) -> bool:
    """Whether the last axis of its kernel counts its outputs."""
    return "Transpose" not in type(layer).__name__


def _choose(model: Any, settings: PruneSettings) -> frozenset[str]:
    """Names of the layers to prune.

    Raises:
        UsageError: a named layer is unknown or cannot be pruned, or nothing is left to prune.
    """
    return _choice.chosen(
        model,
        settings.layers,
        lambda layer: bool(_weights(layer)),
        step="prune",
        unable="TF-MOT cannot prune {layer}",
    )


def _insist(model: Any, goals: dict[str, float], pattern: _patterns.Pattern) -> None:
    """The zeros that were asked for are in every layer, and in the pattern.

    Raises:
        ToolError: they are not.
    """
    import numpy as np

    from edgebuild.compress import _fine_tune

    for layer in _fine_tune.layers(model):
        goal = goals.get(layer.name, 0)
        for weight in _weights(layer) if goal else ():
            values = np.asarray(weight)
            found = _patterns.share(pattern, values, outputs_last=_outputs_last(layer))
            blocks = max(1, values.size // (pattern.inputs * pattern.outputs))
            if found < min(1.0 if pattern.kept else goal, 1 - 1 / blocks) - 1e-3:
                raise ToolError(
                    "tensorflow-model-optimization",
                    f"was to set {goal:.0%} of layer {layer.name!r} to zero, but only {found:.1%} are",
                    "prune fewer layers (layers = [...]) or train for more steps",
                )
