"""Which range of an activation its 256 levels cover: outliers are clipped where that helps all the others."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import _flatbuffer
from edgebuild.convert._statistics import BINS, Seen

Method = Literal["min_max", "percentile", "mse"]
METHODS: tuple[Method, ...] = ("min_max", "percentile", "mse")

SHARE = 0.9999
"""Of the values that the percentile's range covers."""


def range_of(seen: Seen, method: Method) -> tuple[float, float]:
    """The range by ``method``; zero lies within it, as padding and pruned weights need it exactly."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    if method == "min_max" or seen.counts.sum() == 0 or seen.high <= seen.low:
        return low, high
    edges = np.linspace(seen.low, seen.high, BINS + 1)
    if method == "percentile":
        below = np.cumsum(seen.counts) / seen.counts.sum()
        first = int(np.searchsorted(below, (1 - SHARE) / 2))
        last = int(np.searchsorted(below, 1 - (1 - SHARE) / 2))
        return min(float(edges[first]), 0.0), max(float(edges[min(last + 1, BINS)]), 0.0)
    centres = (edges[:-1] + edges[1:]) / 2
    shrunk = [(low * factor, high * factor) for factor in np.linspace(1.0, 0.3, 71)]
    return min(shrunk, key=lambda ends: _error(centres, seen.counts, *ends))


def _error(centres: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float) -> float:
    """Sum of squared errors when values are rounded to 256 levels between ``low`` and ``high``."""
    scale = (high - low) / 255
    levels = np.clip(np.round((centres - low) / scale), 0, 255)
    return float((counts * (levels * scale + low - centres) ** 2).sum())


def written(content: bytes, seen: dict[int, Seen], method: Method) -> bytes:
    """The float ``content`` with the ranges by ``method``, which the quantizer reads."""
    tree = _flatbuffer.read(content)
    graph = tree.subgraphs[0]
    fed = {int(index) for index in graph.inputs}
    for index, one in seen.items():
        quantization = graph.tensors[index].quantization
        if quantization is None or quantization.min is None:
            continue
        # an input's extremes are real data, such as white pixels
        low, high = range_of(one, "min_max" if index in fed else method)
        quantization.min, quantization.max = np.array([low], np.float32), np.array([high], np.float32)
    return _flatbuffer.write(tree)
