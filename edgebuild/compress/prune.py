"""Magnitude pruning: the smallest weights become zero while the rest is fine-tuned (TF-MOT).

A .tflite does not shrink by it, since zeros are stored; what shrinks is the compressed image, and the C code where
the target's kernels skip zeros.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.compress import Technique, Training
from edgebuild.errors import ToolError, UsageError


@dataclass(frozen=True)
class PruneSettings:
    """Settings of ``prune``."""

    sparsity: float = field(default=0.5, metadata={"help": "share of zeros in each pruned layer, above 0, below 1"})
    schedule: Literal["polynomial", "constant"] = field(
        default="polynomial", metadata={"help": "how the zeros grow: towards the goal, or all at once"}
    )
    epochs: int = field(default=2, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=1e-3, metadata={"help": "of Adam"})
    layers: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "names of the layers; default: all but the first convolution and the classifier"},
    )

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity must lie between 0 and 1, not {self.sparsity:g}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.layers == ():
            raise ValueError("layers names no layer")


class Prune(Technique[PruneSettings]):
    """TF-MOT's ``prune_low_magnitude`` around chosen layers."""

    Settings = PruneSettings
    trains = True

    def check(self, model: Any, settings: PruneSettings) -> None:
        _choose(model, settings)

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: PruneSettings,
        progress: Callable[[float], None],
    ) -> Any:
        import tensorflow_model_optimization as tfmot
        import tf_keras

        from edgebuild.compress import _fine_tune

        assert training is not None, "a technique that trains is given training data"
        chosen = _choose(model, settings)
        sparsity = tfmot.sparsity.keras
        total = settings.epochs * _fine_tune.steps(len(training.x), settings.batch_size)
        schedule = _schedule(settings, total, sparsity)

        def wrap(layer: Any) -> Any:
            if hasattr(layer, "layers"):
                return tf_keras.models.clone_model(layer, clone_function=wrap)
            if layer.name in chosen:
                return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)
            return layer

        wrapped = tf_keras.models.clone_model(model, clone_function=wrap)
        _fine_tune.fit(
            wrapped,
            training,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            callbacks=[sparsity.UpdatePruningStep()],
            progress=progress,
        )
        pruned = sparsity.strip_pruning(wrapped)
        _insist(pruned, chosen, settings.sparsity)
        return pruned


def _schedule(settings: PruneSettings, total: int, sparsity: Any) -> Any:
    """Zeros grow over the first 70 % of ``total`` steps; the last update falls exactly on the end of the schedule."""
    if settings.schedule == "constant":
        return sparsity.ConstantSparsity(settings.sparsity, begin_step=0, frequency=max(1, total // 20))
    ramp = max(1, int(total * 0.7))
    frequency = max(1, ramp // 20)
    return sparsity.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=settings.sparsity,
        begin_step=0,
        end_step=ramp // frequency * frequency,
        frequency=frequency,
    )


def _weights(layer: Any) -> list[Any]:
    """The weights of ``layer`` that TF-MOT prunes; none where it cannot."""
    from tensorflow_model_optimization.python.core.sparsity.keras import prune_registry

    registry = prune_registry.PruneRegistry
    if not registry.supports(layer):
        return []
    return list(registry.make_prunable(layer).get_prunable_weights())


def _choose(model: Any, settings: PruneSettings) -> frozenset[str]:
    """Names of the layers to prune.

    Raises:
        UsageError: a named layer is unknown or cannot be pruned, or nothing is left to prune.
    """
    from edgebuild.compress import _fine_tune

    layers = {layer.name: layer for layer in _fine_tune.layers(model)}
    prunable = [name for name, layer in layers.items() if _weights(layer)]
    place = "compression step 'prune'"
    if settings.layers is None:
        convolutions = [name for name in prunable if "Conv" in type(layers[name]).__name__]
        spared = {*convolutions[:1], *prunable[-1:]}
        chosen = [name for name in prunable if name not in spared]
        if not chosen:
            raise UsageError(
                place,
                "nothing to prune: the first convolution and the classifier are spared, "
                "and the model has no other layer that TF-MOT prunes",
                f"name the layers: layers = {prunable}" if prunable else "remove the step",
            )
        return frozenset(chosen)
    for name in settings.layers:
        if name not in layers:
            close = difflib.get_close_matches(name, layers, 1)
            raise UsageError(
                place,
                f"the model has no layer {name!r}",
                f"did you mean {close[0]!r}?" if close else f"use some of {', '.join(prunable)}",
            )
        if name not in prunable:
            raise UsageError(
                place,
                f"TF-MOT cannot prune layer {name!r} ({type(layers[name]).__name__})",
                f"use some of {', '.join(prunable)}",
            )
    return frozenset(settings.layers)


def _insist(model: Any, chosen: frozenset[str], sparsity: float) -> None:
    """The zeros that were asked for are in every chosen layer.

    Raises:
        ToolError: they are not.
    """
    import numpy as np

    from edgebuild.compress import _fine_tune

    for layer in _fine_tune.layers(model):
        if layer.name not in chosen:
            continue
        for weight in _weights(layer):
            values = np.asarray(weight)
            zeros = int(np.count_nonzero(values == 0))
            if zeros < int(values.size * sparsity) - 1:
                raise ToolError(
                    "tensorflow-model-optimization",
                    f"was to set {sparsity:.0%} of layer {layer.name!r} to zero, "
                    f"but only {zeros / values.size:.1%} are",
                    "prune fewer layers (layers = [...]) or train for more steps",
                )
