"""Holds through a fine-tune what earlier steps made of the weights: zeros stay zero, clusters stay clusters.

What to hold is read off the weights themselves, so it also holds for a model that was pruned or clustered
elsewhere.  After every step of the optimizer the weights are projected back: a pruned weight to zero, the
members of a cluster to their mean, which is the same as training the cluster's centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_ZEROS = 0.02
"""Trained weights are never exactly zero by chance, but a dead channel may be."""

MOST_VALUES = 64
"""More distinct values in a channel are no clustering."""


@dataclass(frozen=True, eq=False)
class Held:
    """What is held of one weight.

    Attributes:
        weight: the variable.
        mask: 0 where it is zero; None where nothing was pruned.
        members: number of each element's cluster, flat; None where nothing was clustered.
        clusters: how many there are.
    """

    weight: Any
    mask: NDArray[np.float32] | None
    members: NDArray[np.int32] | None
    clusters: int = 0


def held(model: Any) -> list[Held]:
    """What there is to hold in ``model``; each variable once, even where layers share it."""
    found, seen = [], set()
    for weight in model.trainable_weights:
        values = np.asarray(weight)
        if values.ndim < 2 or id(weight) in seen or (values == values.flat[0]).all():
            continue  # what is constant was just initialised, and is to be trained
        seen.add(id(weight))
        zero = values == 0
        mask = None if zero.mean() < LEAST_ZEROS else (~zero).astype(np.float32)
        members, clusters = members_of(values)
        if mask is not None or members is not None:
            found.append(Held(weight, mask, members, clusters))
    return found


def members_of(values: NDArray[Any]) -> tuple[NDArray[np.int32] | None, int]:
    """The cluster of each element, where the weight is clustered as a whole or by its last axis, and their count."""
    distinct, numbers = np.unique(values, return_inverse=True)
    if len(distinct) <= MOST_VALUES and values.size >= 4 * len(distinct):
        return numbers.reshape(-1).astype(np.int32), len(distinct)
    columns = values.reshape(-1, values.shape[-1])
    members, count = np.empty(columns.shape, np.int32), 0
    for channel in range(columns.shape[1]):
        distinct, numbers = np.unique(columns[:, channel], return_inverse=True)
        if len(distinct) > MOST_VALUES or len(columns) < 2 * len(distinct):
            return None, 0
        members[:, channel] = count + numbers.reshape(-1)
        count += len(distinct)
    return members.reshape(-1), count


def callbacks(model: Any) -> list[Any]:
    """Keras callbacks that hold it; none where there is nothing to hold."""
    holding = held(model)
    if not holding:
        return []
    import tensorflow as tf
    import tf_keras

    def project() -> None:
        for one in holding:
            values = tf.convert_to_tensor(one.weight)
            if one.members is not None:
                means = tf.math.unsorted_segment_mean(tf.reshape(values, [-1]), one.members, one.clusters)
                values = tf.reshape(tf.gather(means, one.members), values.shape)
            if one.mask is not None:
                values *= one.mask
            one.weight.assign(values)

    compiled = tf.function(project)

    def after(batch: int, logs: object) -> None:
        compiled()

    return [tf_keras.callbacks.LambdaCallback(on_batch_end=after)]
