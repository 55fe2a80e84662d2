"""Weight clustering: the weights of a channel, or of a layer, take few distinct values, so that they compress well.

``per = "layer"`` is TF-MOT's clustering.  ``per = "channel"`` gives every output channel values of its own; as int8
has a scale a channel, both leave at most so many distinct integers in each channel of the .tflite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from edgebuild.compress import Technique, Training, _choice
from edgebuild.errors import ToolError


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of ``cluster``."""

    clusters: int = field(
        default=16, metadata={"help": "how many distinct weights, zero included: 2 to 64, from 3 for a layer"}
    )
    per: Literal["channel", "layer"] = field(
        default="channel",
        metadata={"help": "whether each output channel has values of its own, or a layer shares them"},
    )
    epochs: int = field(default=1, metadata={"help": "passes over the training data"})
    batch_size: int = field(default=64, metadata={"help": "samples in a step of the optimizer"})
    learning_rate: float = field(default=3e-4, metadata={"help": "of Adam"})
    layers: tuple[str, ...] | None = field(
        default=None, metadata={"help": "names of the layers; default: all with at least four weights a cluster"}
    )

    def __post_init__(self) -> None:
        if not 2 <= self.clusters <= 64:
            raise ValueError(f"clusters must lie between 2 and 64, not {self.clusters}")
        if self.per == "layer" and self.clusters < 3:
            raise ValueError(f"clusters of a layer must lie between 3 and 64 for TF-MOT, not {self.clusters}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate:g}")
        if self.layers == ():
            raise ValueError("layers names no layer")


class Cluster(Technique[ClusterSettings]):
    """Centres by k-means, then fine-tuned with their members; pruned weights stay zero."""

    Settings = ClusterSettings
    trains = True

    def undoes(self, settings: ClusterSettings, earlier: str, before: Any) -> str:
        return "its fine-tuning would move the weights from where int8 has them" if earlier == "qat" else ""

    def check(self, model: Any, settings: ClusterSettings) -> None:
        _choose(model, settings)

    def apply(
        self,
        model: Any,
        training: Training | None,
        settings: ClusterSettings,
        progress: Callable[[float], None],
    ) -> Any:
        from edgebuild.compress import _fine_tune

        assert training is not None, "a technique that trains is given training data"
        chosen = _choose(model, settings)
        before = _zeros(model, chosen)
        clustered = (
            _by_layer(model, chosen, settings) if settings.per == "layer" else _by_channel(model, chosen, settings)
        )
        _fine_tune.fit(
            clustered,
            training,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            progress=progress,
        )
        _insist(clustered, chosen, settings, before)
        return clustered


def _by_channel(model: Any, chosen: frozenset[str], settings: ClusterSettings) -> Any:
    """``model`` with each channel's weights at the nearest of its centres."""
    import numpy as np

    from edgebuild.compress import _centres

    for weight in _weights(model, chosen):
        values = np.asarray(weight)
        columns = values.reshape(-1, values.shape[-1])
        found = [_centres.nearest(columns[:, channel], settings.clusters) for channel in range(columns.shape[1])]
        weight.assign(np.stack(found, axis=1).reshape(values.shape))
    return model


def _by_layer(model: Any, chosen: frozenset[str], settings: ClusterSettings) -> Any:
    """``model`` as TF-MOT clusters it, zeros kept; what its wrappers would train, the fine-tune's projection trains."""
    import tensorflow_model_optimization as tfmot
    import tf_keras
    from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster

    start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS

    def wrap(layer: Any) -> Any:
        if hasattr(layer, "layers"):
            return tf_keras.models.clone_model(layer, clone_function=wrap)
        if layer.name in chosen:
            return cluster.cluster_weights(
                layer, number_of_clusters=settings.clusters, cluster_centroids_init=start, preserve_sparsity=True
            )
        return layer

    return tfmot.clustering.keras.strip_clustering(tf_keras.models.clone_model(model, clone_function=wrap))


_KERNELS = ("kernel", "pointwise_kernel")


def _weight(layer: Any) -> Any | None:
    """The weight of ``layer`` that can be clustered; outputs are its last axis."""
    name = type(layer).__name__
    if name not in ("Conv1D", "Conv2D", "Conv3D", "Dense", "SeparableConv2D"):
        return None
    return next((getattr(layer, one) for one in _KERNELS if getattr(layer, one, None) is not None), None)


def _weights(model: Any, chosen: frozenset[str]) -> list[Any]:
    from edgebuild.compress import _fine_tune

    found = [(layer.name, _weight(layer)) for layer in _fine_tune.layers(model)]
    return [weight for name, weight in found if name in chosen and weight is not None]


def _choose(model: Any, settings: ClusterSettings) -> frozenset[str]:
    """Names of the layers to cluster.

    Raises:
        UsageError: a named layer is unknown or too small, or none is large enough.
    """

    def able(layer: Any) -> bool:
        weight = _weight(layer)
        if weight is None:
            return False
        size = int(weight.shape.num_elements())
        return size >= 4 * settings.clusters * (int(weight.shape[-1]) if settings.per == "channel" else 1)

    least = f"{4 * settings.clusters} weights{' a channel' if settings.per == 'channel' else ''}"
    return _choice.chosen(
        model,
        settings.layers,
        able,
        step="cluster",
        unable=f"{{layer}} has not the {least} that {settings.clusters} clusters need, or none that can be clustered",
        spare=False,
        done="clustered",
    )


def _zeros(model: Any, chosen: frozenset[str]) -> list[int]:
    import numpy as np

    return [int(np.count_nonzero(np.asarray(weight) == 0)) for weight in _weights(model, chosen)]


def _insist(model: Any, chosen: frozenset[str], settings: ClusterSettings, before: list[int]) -> None:
    """As few values as were asked for, and all zeros that there were.

    Raises:
        ToolError: not so.
    """
    import numpy as np

    for weight, zeros in zip(_weights(model, chosen), before, strict=True):
        values = np.asarray(weight)
        columns = values.reshape(-1, values.shape[-1]).T if settings.per == "channel" else values.reshape(1, -1)
        most = max(len(np.unique(column)) for column in columns)
        kept = int(np.count_nonzero(values == 0))
        if most > settings.clusters or (kept < zeros and zeros > values.size * 0.02):
            raise ToolError(
                "compression step 'cluster'",
                f"was to leave {settings.clusters} distinct weights and {zeros} zeros in {weight.name!r}, "
                f"but left {most} and {kept}",
                "report this with the model",
            )
