"""How far an integer .tflite is from the float one: at its output, and layer by layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.convert import Fed, _flatbuffer, _statistics, each

_WORST = 5


def at_output(answers: NDArray[np.float64], expected: NDArray[np.float64], classes: bool) -> float:
    """How much is lost: for classes the divergence of the probabilities, else the error against the spread.

    Args:
        answers, expected: ``(samples, outputs)``; for classes what the final softmax reads.
    """
    if not classes:
        spread = float(expected.var())
        return float(((answers - expected) ** 2).mean()) / (spread or 1.0)
    ours, theirs = _log_softmax(answers), _log_softmax(expected)
    return float((np.exp(theirs) * (theirs - ours)).sum(axis=1).mean())


def _log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def decisive(tree: Any) -> tuple[list[str], bool]:
    """Names of the tensors by which models are compared, and whether a softmax makes classes of them."""
    graph = tree.subgraphs[0]
    makers = {int(op.outputs[0]): op for op in graph.operators}
    names, classes = [], True
    for index in graph.outputs:
        operator = makers.get(int(index))
        while operator is not None and _flatbuffer.kind(tree, operator) in ("DEQUANTIZE", "QUANTIZE"):
            index = operator.inputs[0]
            operator = makers.get(int(index))
        if operator is not None and _flatbuffer.kind(tree, operator) == "SOFTMAX":
            index = operator.inputs[0]
        else:
            classes = False
        names.append(_flatbuffer.name(graph.tensors[int(index)]))
    return names, classes and len(names) == 1


def answers(content: bytes, samples: Fed, names: list[str]) -> NDArray[np.float64]:
    """The tensors ``names``, flat, for each sample: ``(samples, elements)``."""
    tree, interpreter = _flatbuffer.read(content), _statistics.runner(content)
    tensors = tree.subgraphs[0].tensors
    by_name = {_flatbuffer.name(tensor): index for index, tensor in enumerate(tensors)}
    rows = []
    for number in range(len(each(samples)[0])):
        _statistics.run(interpreter, samples, number)
        parts = [_statistics.real(interpreter, tensors[by_name[one]], by_name[one]).reshape(-1) for one in names]
        rows.append(np.concatenate(parts))
    return np.stack(rows)


def by_layer(content: bytes, original: bytes, samples: Fed) -> list[dict[str, Any]]:
    """Signal to noise of each operator's output in decibels, the worst first.

    Noise is what the integer model ``content`` makes otherwise than the float one, earlier layers' errors included.
    """
    tree, before = _flatbuffer.read(content), _flatbuffer.read(original)
    ours, theirs = _statistics.runner(content), _statistics.runner(original)
    tensors, sources = tree.subgraphs[0].tensors, before.subgraphs[0].tensors
    known = {_flatbuffer.name(sources[index]): index for index in _statistics.activations(before)}
    compared = []
    for operator in tree.subgraphs[0].operators:
        name = _flatbuffer.name(tensors[operator.outputs[0]])
        if name in known and _flatbuffer.kind(tree, operator) not in ("QUANTIZE", "DEQUANTIZE"):
            compared.append((operator, int(operator.outputs[0]), known[name]))
    signal, noise = np.zeros(len(compared)), np.zeros(len(compared))
    for number in range(len(each(samples)[0])):
        _statistics.run(ours, samples, number)
        _statistics.run(theirs, samples, number)
        for place, (_, index, source) in enumerate(compared):
            exact = np.asarray(theirs.get_tensor(source), np.float64)
            signal[place] += float((exact**2).sum())
            noise[place] += float(((_statistics.real(ours, tensors[index], index) - exact) ** 2).sum())
    found = [
        {
            "layer": _flatbuffer.layer(tensors[index]),
            "op": _flatbuffer.kind(tree, operator),
            "decibels": round(10 * math.log10(signal[place] / noise[place]), 1)
            if noise[place] and signal[place]
            else None,
        }
        for place, (operator, index, _) in enumerate(compared)
    ]
    return sorted(found, key=lambda one: (one["decibels"] is None, one["decibels"] or 0.0))


def worst(layers: list[dict[str, Any]]) -> str:
    """The worst layers in words: ``logits 24.1 dB, block3 27.0 dB``."""
    told = [f"{one['layer']} {one['decibels']:.1f} dB" for one in layers if one["decibels"] is not None]
    return ", ".join(told[:_WORST])
