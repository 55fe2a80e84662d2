"""Settings of ``steps = [{ auto = { … } }]``: how long edgebuild looks for steps itself."""

from __future__ import annotations

from dataclasses import dataclass, field

NAME = "auto"
"""What stands in ``compress.steps`` instead of a technique's name."""


@dataclass(frozen=True)
class AutoSettings:
    """Settings of ``auto``."""

    trials: int = field(default=16, metadata={"help": "how many recipes are tried at most"})
    epochs: int = field(
        default=3,
        metadata={
            "help": "passes over the training data in each fine-tuning; five times as many where filters are removed"
        },
    )
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=1e-3, metadata={"help": "of Adam, in fine-tuning"})
    held_out: int = field(
        default=5000,
        metadata={"help": "training samples to keep aside and choose by, at most a fifth, without `data.validation`"},
    )

    def __post_init__(self) -> None:
        if self.trials < 1 or self.epochs < 1 or self.batch_size < 1 or self.held_out < 1:
            raise ValueError("trials, epochs, batch_size and held_out must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
