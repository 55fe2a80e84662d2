"""The generated C, its static library, an example and test vectors."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product


class CLibrary(Packager):
    """``c_library/``: header, sources, the very ``lib<name>.a`` that was proven, an example with test vectors."""

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        name = product.name
        files = [SourceFile(f"c_library/lib/lib{name}.a", product.image.library.read_bytes())]
        for file in product.sources.files:
            folder = "include" if file.path == f"{name}.h" else "src"
            files.append(SourceFile(f"c_library/{folder}/{file.path}", file.content))
        files += [SourceFile(f"c_library/example/{path}", content) for path, content in example(product).items()]
        files.append(SourceFile("c_library/LICENSE", product.texts["LICENSE"]))
        return tuple(files)


def example(product: Product) -> dict[str, bytes]:
    """A program that checks the library on test vectors, by file name."""
    return {
        "example_main.c": product.text("c_library/example_main.c.j2"),
        f"{product.name}_test_vectors.h": product.text("c_library/test_vectors.h.j2", vectors=_vectors(product)),
    }


MOST_VECTORS = 2
"""Enough to see that a board computes what the emulator did; more would only fill its flash."""


def _vectors(product: Product) -> list[tuple[list[int], list[int]]]:
    expected = product.vectors.expected
    assert expected is not None
    pairs = zip(product.vectors.inputs[:MOST_VECTORS], expected[:MOST_VECTORS], strict=True)
    return [(inputs.tolist(), outputs.tolist()) for inputs, outputs in pairs]
