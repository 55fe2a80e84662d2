"""Distillation of what happens inside: a student's features are drawn to its teacher's while it trains.

``hint`` compares the features themselves, through an adapter that gives the student's as many channels (Romero et
al., FitNets, 2015).  ``attention`` compares where in the image they are large (Zagoruyko and Komodakis, 2017).
``gram`` compares how alike they find the samples of a batch (Tung and Mori, 2019), whatever their shapes.
"""

from __future__ import annotations

import difflib
from typing import Any

from edgebuild.errors import UsageError

_PLACE = "compression step 'distill'"


def pairs(features: tuple[str, ...], teacher: Any, student: Any) -> list[tuple[str, str]]:
    """Names of the layers whose outputs are compared: ``"block3"`` in both, or ``"teacher's=student's"``.

    Raises:
        UsageError: one of the models has no such layer.
    """
    found = []
    for feature in features:
        theirs, _, ours = feature.partition("=")
        for name, model, whose in ((theirs, teacher, "teacher"), (ours or theirs, student, "student")):
            known = [layer.name for layer in model.layers]
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                raise UsageError(
                    _PLACE,
                    f"the {whose} has no layer {name!r}",
                    f"did you mean {near[0]!r}?" if near else f'use "teacher=student" with one of {", ".join(known)}',
                )
        found.append((theirs, ours or theirs))
    return found


def trainer(teacher: Any, student: Any, layers: list[tuple[str, str]], match: str, weight: float) -> Any:
    """A Keras model whose training trains ``student``: on its loss, and on ``weight`` times the features' distance.

    Raises:
        UsageError: two layers' outputs cannot be compared in this way.
    """
    import tensorflow as tf
    import tf_keras

    seen = tf_keras.Model(teacher.inputs, [teacher.get_layer(theirs).output for theirs, _ in layers])
    inside = tf_keras.Model(
        student.inputs, [student.outputs[0], *(student.get_layer(ours).output for _, ours in layers)]
    )
    adapters = [
        _adapter(wanted.shape, found.shape, names, match)
        for wanted, found, names in zip(seen.outputs, inside.outputs[1:], layers, strict=True)
    ]

    class Trainer(tf_keras.Model):  # type: ignore[misc]
        """One step: the loss of the outputs and the distance of the features."""

        def __init__(self) -> None:
            super().__init__()
            self.inside = inside
            self.adapters = [adapter for adapter in adapters if adapter is not None]

        def call(self, x: Any, training: bool = False) -> Any:
            return self.inside(x, training=training)[0]

        def train_step(self, data: Any) -> Any:
            x, y = data
            wanted = seen(x, training=False)
            wanted = wanted if isinstance(wanted, list) else [wanted]
            with tf.GradientTape() as tape:
                answer, *found = self.inside(x, training=True)
                distance = tf.add_n(
                    [
                        _distance(one, other, adapter, match)
                        for one, other, adapter in zip(wanted, found, adapters, strict=True)
                    ]
                )
                total = self.compiled_loss(y, answer, regularization_losses=self.losses) + weight * distance
            self.optimizer.minimize(total, self.trainable_variables, tape=tape)
            return {"loss": total}

    made = Trainer()
    shapes = [(None, *entry.shape[1:]) for entry in student.inputs]
    made.build(shapes[0] if len(shapes) == 1 else shapes)
    return made


def _adapter(wanted: Any, found: Any, names: tuple[str, str], match: str) -> Any:
    """A layer that gives the student's feature the teacher's number of channels; None where that is not needed.

    Raises:
        UsageError: a hint or an attention between outputs of different rank.
    """
    import tf_keras

    if match == "gram":
        return None
    if len(wanted) != len(found) or (match == "attention" and len(wanted) != 4):
        raise UsageError(
            _PLACE,
            f"{match} cannot compare the outputs of {names[0]!r} {tuple(wanted[1:])} and {names[1]!r} "
            f"{tuple(found[1:])}",
            'choose layers of like outputs, or match = "gram", which compares any',
        )
    return tf_keras.layers.Dense(wanted[-1], use_bias=False) if match == "hint" else None


def _distance(wanted: Any, found: Any, adapter: Any, match: str) -> Any:
    """How far a batch of the student's features is from the teacher's: 0 where they agree, about 1 at first."""
    import tensorflow as tf

    if match == "gram":
        return tf.reduce_sum(tf.math.squared_difference(_alike(wanted), _alike(found))) / tf.cast(
            tf.shape(wanted)[0], tf.float32
        )
    if match == "attention":
        maps = [tf.reduce_sum(tf.square(one), axis=-1, keepdims=True) for one in (wanted, found)]
        maps[1] = _resized(maps[1], maps[0])
        flat = [tf.math.l2_normalize(tf.reshape(one, (tf.shape(one)[0], -1)), axis=1) for one in maps]
        return tf.reduce_mean(tf.reduce_sum(tf.math.squared_difference(*flat), axis=1))
    adapted = adapter(found)
    if len(adapted.shape) == 4:
        adapted = _resized(adapted, wanted)
    scale = tf.math.reduce_variance(wanted) + 1e-6
    return tf.reduce_mean(tf.math.squared_difference(wanted, adapted)) / scale


def _resized(image: Any, like: Any) -> Any:
    import tensorflow as tf

    same = image.shape[1:3] == like.shape[1:3]
    return image if same else tf.image.resize(image, like.shape[1:3])


def _alike(features: Any) -> Any:
    """Inner products of the samples of a batch, each row of length 1."""
    import tensorflow as tf

    flat = tf.reshape(features, (tf.shape(features)[0], -1))
    return tf.math.l2_normalize(tf.matmul(flat, flat, transpose_b=True), axis=1)
