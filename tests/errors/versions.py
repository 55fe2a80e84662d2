"""Gives an operator of a ``.tflite`` another version, in place."""

from __future__ import annotations

import tflite


def with_version(content: bytes, operator: str, version: int) -> bytes:
    """``content`` whose operator code ``operator`` claims to be of ``version``."""
    patched, model = bytearray(content), tflite.Model.GetRootAs(content, 0)
    wanted = getattr(tflite.BuiltinOperator, operator)
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == wanted:
            offset = code._tab.Offset(8)
            assert offset, "a version of 1 is not stored"
            at = code._tab.Pos + offset
            patched[at : at + 4] = version.to_bytes(4, "little")
    assert patched != content
    return bytes(patched)
