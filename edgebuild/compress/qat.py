"""Quantization-aware training: the model is fine-tuned while it computes as int8 will, and learns to bear the rounding.

Not TF-MOT's: its QAT refuses about twenty kinds of layers and leaves others in float32.  Here BatchNorm is folded
first, every layer is wrapped the same way, and what comes out is a plain model whose weights lie where int8 puts them,
so that it converts like any other.  Pruned weights stay zero and clustered ones clustered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.compress import Technique, Training
from edgebuild.errors import ToolError

_WARM = 8
"""Batches from which the first ranges of the outputs are taken."""


@dataclass(frozen=True)
class QatSettings:
    """Settings of ``qat``."""

    epochs: int = field(default=2, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=3e-4, metadata={"help": "of Adam"})
    dense: Literal["per_channel", "per_tensor"] = field(
        default="per_channel", metadata={"help": "scales of Dense layers, as they will be converted"}
    )
    int4: tuple[str, ...] | Literal["most", "none"] = field(
        default="none",
        metadata={
            "help": "layers whose weights learn levels that generated C stores with four bits: names, or most: "
            "all convolutions and Dense layers but depthwise ones, the first convolution and the classifier"
        },
    )

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.int4 == ():
            raise ValueError("int4 names no layer")


class Qat(Technique[QatSettings]):
    """Own wrappers around every layer of the flat model, gone again at the end."""

    Settings = QatSettings
    trains = True

    def undoes(self, settings: QatSettings, earlier: str, before: Any) -> str:
        return "once is enough: give it more epochs" if earlier == "qat" else ""

    def check(self, model: Any, settings: QatSettings) -> None:
        """Every model can be trained so; layers that are not known are left as they are, unless ``int4`` names them."""
        _narrow(model, settings)

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: QatSettings,
        progress: Callable[[float], None],
    ) -> Any:
        from edgebuild.compress import _fine_tune, _fold, _rounded

        assert training is not None, "a technique that trains is given training data"
        plain = _fold.folded(model)
        before = _held(plain)
        wrapped = _rounded.rounded(plain, per_tensor=settings.dense == "per_tensor", narrow=_narrow(plain, settings))
        size = settings.batch_size
        for number in range(min(_WARM, _fine_tune.steps(len(training.x), size))):
            wrapped(training.x[number * size : (number + 1) * size], training=True)
        _fine_tune.fit(
            wrapped,
            training,
            epochs=settings.epochs,
            batch_size=size,
            learning_rate=settings.learning_rate,
            progress=progress,
        )
        for layer in wrapped.layers:
            trained = layer
            if isinstance(layer, _rounded.Rounded):
                trained = layer.layer
                for name in layer.names():
                    getattr(trained, name).assign(layer.rounded(name))
            if trained.weights:
                plain.get_layer(layer.name).set_weights(trained.get_weights())
        _insist(before, _held(plain))
        return plain


_FOUR_BITS = ("Conv1D", "Conv2D", "Dense")
"""Kinds of layers for whose weights generated C has four bits."""


def _narrow(model: Any, settings: QatSettings) -> frozenset[str]:
    """Names of the layers whose weights get four bits.

    Raises:
        UsageError: a named layer is unknown or of another kind, or there is none.
    """
    from edgebuild.compress import _choice

    if settings.int4 == "none":
        return frozenset()
    return _choice.chosen(
        model,
        None if settings.int4 == "most" else settings.int4,
        lambda layer: type(layer).__name__ in _FOUR_BITS,
        step="qat",
        unable="{layer} cannot have weights of four bits",
        setting="int4",
        done="given weights of four bits",
    )


def _held(model: Any) -> dict[str, tuple[int, int]]:
    """Zeros and clusters of every weight that earlier steps have pruned or clustered, by name."""
    from edgebuild.compress import _keep

    return {
        one.weight.name: (0 if one.mask is None else int((one.mask == 0).sum()), one.clusters)
        for one in _keep.held(model)
    }


def _insist(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> None:
    """What was pruned or clustered still is.

    Raises:
        ToolError: it is not.
    """
    for name, (zeros, clusters) in before.items():
        now = after.get(name, (0, 0))
        if now[0] < zeros or (clusters and not 0 < now[1] <= clusters):
            raise ToolError(
                "compression step 'qat'",
                f"was to keep {zeros} zeros and {clusters} clusters in {name!r}, but {now[0]} and {now[1]} are left",
                "report this with the model",
            )
