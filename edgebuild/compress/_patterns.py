"""Which weights are zeroed together: single ones, n of m inputs kept, or blocks of outputs × inputs.

A kernel's weights are seen as (taps, inputs, outputs): a Dense layer and a 1x1 convolution have one tap, a 3x3
convolution nine.  Blocks never cross a tap, begin at multiples of their size, and lie along the inputs that a
microcontroller's kernel reads with one load; where a size does not divide, the last block is a smaller one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = "channels"
"""The pattern that removes whole filters instead of writing zeros."""

TARGET = "target"
"""The pattern that the target's kernels skip best: :mod:`edgebuild.pipeline.target_steps` names it."""

EXAMPLES = "unstructured, n:m such as 2:4, outputs x inputs such as 2x4 or 2x4/4, target, or channels"


@dataclass(frozen=True)
class Pattern:
    """A pattern of zeros.

    Attributes:
        outputs, inputs: size of a block, 1 and 1 for single weights.
        kept: of each ``inputs`` consecutive inputs of one output, so many are not zero; None for blocks.
        multiple: each ``outputs`` consecutive outputs keep a multiple of so many blocks, or all of them, in layers that
            keep so many on average.
    """

    outputs: int = 1
    inputs: int = 1
    kept: int | None = None
    multiple: int = 1

    @property
    def sparsity(self) -> float | None:
        """The share of zeros, where the pattern itself states it."""
        return None if self.kept is None else 1 - self.kept / self.inputs


def parse(text: str) -> Pattern:
    """The pattern that ``text`` names.

    Raises:
        ValueError: it names none.
    """
    if text == "unstructured":
        return Pattern()
    block = re.fullmatch(r"(\d{1,2})x(\d{1,2})(?:/(\d{1,2}))?", text)
    if block:
        outputs, inputs, multiple = int(block[1]), int(block[2]), int(block[3] or 1)
        if not (1 <= outputs <= 32 and 1 <= inputs <= 32):
            raise ValueError(f"pattern {text!r}: a block has 1 to 32 outputs and inputs")
        if not 1 <= multiple <= 32:
            raise ValueError(f"pattern {text!r}: outputs keep a multiple of 1 to 32 blocks")
        return Pattern(outputs, inputs, multiple=multiple)
    ratio = re.fullmatch(r"(\d{1,2}):(\d{1,2})", text)
    if ratio:
        kept, inputs = int(ratio[1]), int(ratio[2])
        if not 1 <= kept < inputs <= 32:
            raise ValueError(f"pattern {text!r}: of m (2 to 32) inputs, n (1 to m - 1) are kept")
        return Pattern(1, inputs, kept)
    raise ValueError(f"pattern {text!r} is none; write {EXAMPLES}")


def mask(pattern: Pattern, weights: Any, sparsity: Any, *, outputs_last: bool = True) -> Any:
    """1 where a weight stays, 0 where it becomes zero: the blocks with the smallest sums of magnitudes.

    Where outputs keep a multiple of several blocks, as few more become zero as that needs.

    Args:
        weights: a tensor ``(…, inputs, outputs)``.
        sparsity: share of the blocks (of the inputs of each group, for n:m) that become zero.
        outputs_last: False where the last two axes stand the other way round.
    """
    import tensorflow as tf

    shape = weights.shape
    blocks = _blocks(pattern, tf.convert_to_tensor(weights), outputs_last)
    magnitudes = tf.abs(blocks)
    if pattern.kept is None:
        sums = tf.reduce_sum(magnitudes, axis=(2, 4))
        total = tf.cast(tf.size(sums), tf.float32)
        zeros = tf.math.ceil(total * tf.cast(sparsity, tf.float32) - 1e-4)
        ranks = tf.reshape(_ranks(tf.reshape(sums, [-1])), tf.shape(sums))
        stays = tf.cast(ranks, tf.float32) >= tf.minimum(zeros, total - 1)
        if pattern.multiple > 1:
            stays = _balanced(stays, sums, pattern.multiple)
        stays = tf.broadcast_to(stays[:, :, tf.newaxis, :, tf.newaxis], tf.shape(blocks))
    else:
        zeros = tf.round(pattern.inputs * tf.cast(sparsity, tf.float32))
        ranks = _ranks(tf.transpose(magnitudes, (0, 1, 3, 4, 2)))
        stays = tf.transpose(tf.cast(ranks, tf.float32) >= zeros, (0, 1, 4, 2, 3))
    return tf.cast(_unblocked(stays, shape, outputs_last), weights.dtype)


def _balanced(stays: Any, sums: Any, multiple: int) -> Any:
    """As many blocks as ``stays`` has or a few less, in each column a multiple of ``multiple``, or all of them.

    What columns have beyond a multiple is put together and goes to those that miss least of the next one.  Where they
    have less than one multiple each, nothing changes: many would lose all of their weights for it.

    Args:
        stays, sums: ``(taps, blocks of inputs, columns)``, whether a block stays and its magnitude.
    """
    import tensorflow as tf

    chosen, flat = (tf.reshape(values, (-1, values.shape[-1])) for values in (stays, sums))
    counts = tf.reduce_sum(tf.cast(chosen, tf.int32), axis=0)
    enough = tf.reduce_sum(counts) >= multiple * flat.shape[1]
    full = counts == flat.shape[0]
    over = tf.where(full, 0, counts % multiple)
    whole = tf.where(full, flat.shape[0], counts - counts % multiple)
    spare = tf.reduce_sum(over) // multiple
    more = tf.where(full, 0, multiple * tf.cast(_ranks(-over) < spare, tf.int32))
    places = tf.transpose(_ranks(-tf.transpose(flat)))
    return tf.where(enough, tf.reshape(places < whole + more, tf.shape(sums)), stays)


def _ranks(values: Any) -> Any:
    """Each value's place along the last axis when sorted; of equal ones the earlier comes first."""
    import tensorflow as tf

    return tf.argsort(tf.argsort(values, axis=-1, stable=True), axis=-1, stable=True)


def _blocks(pattern: Pattern, weights: Any, outputs_last: bool) -> Any:
    """``weights`` as (taps, blocks of inputs, inputs, blocks of outputs, outputs), filled up with zeros."""
    import tensorflow as tf

    taps = tf.reshape(weights, (-1, *weights.shape[-2:]))
    if not outputs_last:
        taps = tf.transpose(taps, (0, 2, 1))
    count, inputs, outputs = taps.shape
    rows, columns = -(-inputs // pattern.inputs), -(-outputs // pattern.outputs)
    fill = ((0, 0), (0, rows * pattern.inputs - inputs), (0, columns * pattern.outputs - outputs))
    return tf.reshape(tf.pad(taps, fill), (count, rows, pattern.inputs, columns, pattern.outputs))


def _unblocked(blocks: Any, shape: Any, outputs_last: bool) -> Any:
    """The inverse of :func:`_blocks` for weights of ``shape``."""
    import tensorflow as tf

    count, rows, inner, columns, outer = blocks.shape
    taps = tf.reshape(blocks, (count, rows * inner, columns * outer))
    inputs, outputs = (shape[-2], shape[-1]) if outputs_last else (shape[-1], shape[-2])
    taps = taps[:, :inputs, :outputs]
    if not outputs_last:
        taps = tf.transpose(taps, (0, 2, 1))
    return tf.reshape(taps, shape)


def share(pattern: Pattern, weights: NDArray[Any], *, outputs_last: bool = True) -> float:
    """How many of the blocks are zero as a whole; for n:m, how many groups keep at most n.

    Reads the numbers alone, so it says the same of a layer's kernel and of a .tflite's.
    """
    import numpy as np

    taps = weights.reshape(-1, *weights.shape[-2:])
    if not outputs_last:
        taps = taps.transpose(0, 2, 1)
    found = []
    for row in range(0, taps.shape[1], pattern.inputs):
        for column in range(0, taps.shape[2], pattern.outputs):
            block = taps[:, row : row + pattern.inputs, column : column + pattern.outputs]
            counts = np.count_nonzero(block, axis=(1, 2))
            found.append(counts <= (pattern.kept or 0))
    return float(np.mean(found))
