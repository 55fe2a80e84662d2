"""Watching a fine-tuning: samples kept aside, the best epoch, and what there is to tell meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def apart(count: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the samples to train with, in order, and of those to watch by, drawn by ``seed``.

    At least one of each, so that a share of a handful of samples is no error.
    """
    order = np.random.default_rng(seed).permutation(count)
    aside = min(max(1, round(count * share)), count - 1)
    return np.sort(order[aside:]), np.sort(order[:aside])


def words(logs: Mapping[str, Any]) -> str:
    """What Keras measured, in a few words: ``loss 0.312, accuracy 0.891``."""
    return ", ".join(f"{name.replace('val_', 'validation ')} {float(value):.3f}" for name, value in logs.items())


def best(patience: int, first: int) -> Any:
    """A Keras callback that keeps the weights of the epoch with the least validation loss.

    Args:
        patience: epochs without a lesser one after which training ends; 0: none.
        first: epochs before this one, counted from 0, do not count: zeros are still growing.
    """
    import tf_keras

    class Best(tf_keras.callbacks.Callback):  # type: ignore[misc]
        """Keras's own EarlyStopping gives the weights back only where it stopped early."""

        least, epoch, weights = math.inf, first, None

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
            """Remember, or stop."""
            if epoch < first:
                return
            if logs["val_loss"] < self.least:
                self.least, self.epoch, self.weights = logs["val_loss"], epoch, self.model.get_weights()
            elif patience and epoch - self.epoch >= patience:
                self.model.stop_training = True

        def on_train_end(self, logs: object) -> None:
            """Give back."""
            if self.weights is not None:
                self.model.set_weights(self.weights)

    return Best()


def teller(tell: Callable[[str], None], progress: Callable[[float], None], total: int) -> Any:
    """A Keras callback that tells progress, loss and metrics while ``total`` batches go by, a hundred times at most."""
    import tf_keras

    done, told = 0, -1.0

    def batch(number: int, logs: Mapping[str, Any]) -> None:
        nonlocal done, told
        done += 1
        if done / total - told >= 0.01 or done == total:
            told = done / total
            tell(words(logs))
            progress(told)

    def epoch(number: int, logs: Mapping[str, Any]) -> None:
        if "val_loss" in logs:
            tell(words(logs))
            progress(done / total)

    def end(logs: object) -> None:
        if done < total:  # it ended early
            progress(1.0)

    return tf_keras.callbacks.LambdaCallback(on_batch_end=batch, on_epoch_end=epoch, on_train_end=end)
