"""Runs TensorFlow's converter and reads its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from edgebuild.convert import Source, _frozen
from edgebuild.errors import UnsupportedError


def run(source: Source, configure: Callable[[Any, Any], None]) -> bytes:
    """The .tflite of ``source``.

    Args:
        configure: sets the options of the converter; given the converter and the ``tensorflow`` module.

    Raises:
        UnsupportedError: the converter refuses operators.
    """
    import tensorflow as tf

    traced = _frozen.concrete(source)
    frozen = _frozen.freeze(traced, source)
    if frozen is not None:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    else:
        # loops (recurrent layers): the converter fuses them only when it sees the functions and variables
        holder = tf.Module()
        holder.held = list(source.variables)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], holder)
    configure(converter, tf)
    try:
        return bytes(converter.convert())
    except (MemoryError, UnsupportedError):
        raise
    except Exception as error:
        raise refusal(source.place, str(error)) from error


def refusal(place: str, message: str) -> UnsupportedError:
    """The converter's ``message`` as an error that names the operators, if it names any."""
    operators = sorted(_operators(message))
    first = next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")
    return UnsupportedError(
        place,
        f"TensorFlow's converter has no TFLite operator for {', '.join(operators)}"
        if operators
        else "TensorFlow's converter refuses it",
        "replace the layer; for recurrent layers, unroll=True often helps",
        () if operators else (first[:300],),
    )


_PATTERNS = (
    re.compile(r"'(tf\.[A-Za-z0-9]+)' op is neither a custom op nor a flex op"),
    re.compile(r"failed to legalize operation '([\w.]+)'"),
    re.compile(r"not yet supported for op: '?(\w+)'?"),
    re.compile(r"for unsupported ops?: '?(\w+)'?"),
)
_LISTS = re.compile(r"(?:TF Select|Custom|Flex) ops: ([A-Za-z0-9, ]+)")


def _operators(message: str) -> set[str]:
    found = {match.removeprefix("tf.") for pattern in _PATTERNS for match in pattern.findall(message)}
    for listed in _LISTS.findall(message):
        found |= {name.strip().removeprefix("Flex") for name in listed.split(",")}
    return {name for name in found if name}
