"""The model file as a C array, for those who bring their own TFLite runtime."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product

_PER_ROW = 16


class CArray(Packager):
    """``c_array/<name>_model.c`` and ``.h``: the .tflite as ``const``, aligned to 16 bytes; and the file itself."""

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        content = product.tflite
        return (
            SourceFile(f"{product.name}.tflite", content),
            SourceFile(
                f"c_array/{product.name}_model.c",
                product.text("c_array/model.c.j2", rows=tuple(_rows(content)), length=len(content)),
            ),
            SourceFile(f"c_array/{product.name}_model.h", product.text("c_array/model.h.j2", length=len(content))),
        )


def _rows(content: bytes) -> Iterator[str]:
    for start in range(0, len(content), _PER_ROW):
        yield ", ".join(f"0x{byte:02x}" for byte in content[start : start + _PER_ROW]) + ","
