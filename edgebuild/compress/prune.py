"""Magnitude pruning: the smallest weights become zero while the rest is fine-tuned (TF-MOT), or filters go altogether.

A .tflite does not shrink by zeros, since they are stored; what shrinks is the compressed image, and the C code where
the target's kernels skip zeros.  The pattern ``channels`` does shrink it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.compress import Technique, Training, _choice, _patterns
from edgebuild.errors import UsageError

SHARE = 0.5


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
            "that go together, such as 2x4, or 2x4/4, where of every 2 outputs a multiple of 4 blocks stay; "
            "target: what its kernels skip best; channels, which removes whole filters"
        },
    )
    dense_pattern: str | None = field(
        default=None, metadata={"help": "pattern of Dense layers, blocks or unstructured; default: as the others"}
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
        if self.pattern not in (_patterns.CHANNELS, _patterns.TARGET):
            stated = _patterns.parse(self.pattern).sparsity
            if stated is not None and self.sparsity is not None and abs(stated - self.sparsity) > 1e-6:
                raise ValueError(f"pattern {self.pattern} means sparsity {stated:g}, not {self.sparsity:g}")
            if stated is not None and self.layers == "auto":
                raise ValueError(
                    f"pattern {self.pattern} gives every layer the same sparsity, so layers cannot be auto"
                )
        if self.dense_pattern is not None:
            self._check_dense(self.dense_pattern)
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

    def _check_dense(self, dense: str) -> None:
        if self.pattern in (_patterns.CHANNELS, _patterns.TARGET):
            raise ValueError(f"pattern {self.pattern} says what becomes of Dense layers, so dense_pattern cannot")
        if _patterns.parse(dense).kept is not None or _patterns.parse(self.pattern).kept is not None:
            raise ValueError("dense_pattern goes with blocks and unstructured zeros, not with n:m")

    @property
    def share(self) -> float:
        """The sparsity, wherever it is stated."""
        named = self.pattern in (_patterns.CHANNELS, _patterns.TARGET)
        stated = None if named else _patterns.parse(self.pattern).sparsity
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
        if settings.pattern == _patterns.TARGET:
            raise UsageError(
                "compression step 'prune'",
                "pattern target is for builds, which know their target",
                "name the pattern, such as 2x4",
            )
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
        from edgebuild.compress import _masked

        others = _patterns.parse(settings.pattern)
        dense = _patterns.parse(settings.dense_pattern) if settings.dense_pattern else others
        patterns = _masked.Patterns(dense, others)
        chosen = _choose(model, settings)
        begun = 0.0
        if settings.layers == "auto":
            begun = 0.2  # of the time, roughly
            goals = _masked.goals(model, training, settings, patterns, chosen, lambda done: progress(begun * done))
        else:
            goals = dict.fromkeys(chosen, settings.share)

        def onward(done: float) -> None:
            progress(begun + (1 - begun) * done)

        pruned = _masked.train(model, training, settings, patterns, goals, onward)
        _masked.insist(pruned, goals, patterns)
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


def _choose(model: Any, settings: PruneSettings) -> frozenset[str]:
    """Names of the layers to prune.

    Raises:
        UsageError: a named layer is unknown or cannot be pruned, or nothing is left to prune.
    """
    from edgebuild.compress import _masked

    return _choice.chosen(
        model,
        settings.layers,
        lambda layer: bool(_masked.weights(layer)),
        step="prune",
        unable="TF-MOT cannot prune {layer}",
    )
