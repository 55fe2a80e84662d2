"""Weights of two filters in one word: ``256 * odd + even`` in each of two int16 halves (``docs/kernels/dsp.md``)."""

from __future__ import annotations

import numpy as np

from edgebuild.kernels._dsp_channels import Channels, pair_words, words


def pairs(channels: int) -> list[tuple[int, int]]:
    """(even, odd) channels of each pair; the last channel of an odd number comes with the one before it again."""
    whole = [(c, c + 1) for c in range(0, channels - 1, 2)]
    return whole + ([(max(channels - 2, 0), channels - 1)] if channels % 2 else [])


def separable(channels: Channels) -> bool:
    """Whether both sums of each pair come apart: no borrow out of an odd -128, and 256 times a sum fits int32."""
    return channels.narrow and all(
        not ((channels.weights[odd] == -128) & (channels.weights[even] < 0)).any()
        for even, odd in pairs(len(channels.bias))
    )


def packed(channels: Channels, order: np.ndarray) -> np.ndarray:
    """The stream of words that a convolution walks through, pair by pair: biases, weights, requantization.

    Args:
        order: ``(words, 2)`` indices of the inputs in the low and high half; -1 for none.
    """
    stream = []
    for pair in pairs(len(channels.bias)):
        stream += [biases(channels, pair), weights(channels, pair, order)]
        if channels.form != "general":
            stream.append(requantization(channels, pair))
    return np.concatenate(stream)


def biases(channels: Channels, pair: tuple[int, int]) -> np.ndarray:
    """What ``256 * odd + even`` and ``even`` start from."""
    even, odd = (channels.bias[c] for c in pair)
    return words(np.array([256 * odd + even, even]))


def weights(channels: Channels, pair: tuple[int, int], order: np.ndarray) -> np.ndarray:
    """A word for each two inputs of ``order``."""
    even, odd = (np.append(channels.weights[c], 0)[order] for c in pair)
    combined = 256 * odd + even
    return pair_words(combined[:, 0], combined[:, 1])


def requantization(channels: Channels, pair: tuple[int, int]) -> np.ndarray:
    """Multipliers of odd and even, and a word with their shift codes."""
    (first, low), (second, high) = multipliers(channels, pair)
    return words(np.array([first, second, low | high << 8]))


def multipliers(channels: Channels, pair: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(multiplier, shift code) of odd and even; with one rounding the odd sum keeps its factor 256."""
    even, odd = pair
    doubled, code = channels.doubled(), channels.code()
    if channels.form == "relu":
        first = (int(channels.multiplier[odd]), int(code[odd]) - 7)
    else:
        first = (int(doubled[odd]), int(code[odd]))
    return first, (int(doubled[even]), int(code[even]))


def in_order(count: int) -> np.ndarray:
    """Order of ``count`` inputs (a multiple of 4), widened word by word: bytes 0 and 2, then 1 and 3."""
    order: np.ndarray = np.arange(count).reshape(-1, 2, 2)
    return order.transpose(0, 2, 1).reshape(-1, 2)


def window_order(rows: int, run: int, rest: int, neighbours: bool = False) -> np.ndarray:
    """Order of a window of ``rows`` rows of ``run`` inputs: whole words of each row, then what is left of each.

    Its length is even, for weights are loaded two words at a time.

    Args:
        rest: inputs of a row that are left for the end; the last word of a row is filled up if there are others.
        neighbours: words are widened to bytes 0 and 1, then 2 and 3.
    """
    count = -(-(run - rest) // 4) * 4
    whole = np.arange(count).reshape(-1, 2) if neighbours else in_order(count)
    order = [np.where(whole < run, whole + row * run, -1) for row in range(rows)]
    behind = [row * run + i for row in range(rows) for i in range(run - rest, run)]
    behind += [-1] * (len(behind) % 2)
    joined = np.concatenate([*order, np.array(behind, np.int64).reshape(-1, 2)])
    return np.concatenate([joined, np.full((len(joined) % 2, 2), -1)])
