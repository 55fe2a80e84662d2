"""Values as C writes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "uint8": "uint8_t", "float32": "float"}
_PER_ROW = {"int8": 20, "uint8": 20, "int16": 16, "int32": 8, "float32": 6}


def literal(value: int | float) -> str:
    """A number as a C constant; INT32_MIN has no literal of its own in C."""
    if isinstance(value, float):
        text = f"{np.float32(value):.9g}"
        return (text if any(c in text for c in ".e") else f"{text}.0") + "f"
    return "INT32_MIN" if value == -(2**31) else str(int(value))


def c_type(array: np.ndarray) -> str:
    """The C type of an array's elements."""
    return _TYPES[array.dtype.name]


def rows(array: np.ndarray) -> Iterator[str]:
    """The elements as lines of a C initializer."""
    flat = array.reshape(-1)
    per_row = _PER_ROW[array.dtype.name]
    if array.dtype.kind == "f":
        texts = [literal(float(v)) for v in flat]
    else:
        texts = [str(v) for v in flat.tolist()]
        if array.dtype.itemsize == 4:
            texts = [literal(int(t)) for t in texts]
    for start in range(0, len(texts), per_row):
        yield ", ".join(texts[start : start + per_row]) + ","


def bits(mask: int) -> list[int]:
    """Numbers of the bits that are set, the lowest first."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def comment(text: str) -> str:
    """``text`` made safe inside a C comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ").replace("\\", "/")


def c_string(text: str) -> str:
    """``text`` as it stands between the quotes of a C string; every byte that might mean something is escaped."""
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-./:;,+=()[]{}<>#@!&*|~^$")
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode())
