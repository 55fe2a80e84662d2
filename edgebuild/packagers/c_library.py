"""The generated C, its static library, an example and test vectors."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product


class CLibrary(Packager):
    """``c_library/``: header, sources, the very ``lib<name>.a`` that was proven, an example with test vectors."""

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        name, image = product.name, product.image
        assert image is not None
        files = [SourceFile(f"c_library/lib/lib{name}.a", image.library.read_bytes())]
        for file in product.sources.files:
            folder = "include" if file.path == f"{name}.h" else "src"
            files.append(SourceFile(f"c_library/{folder}/{file.path}", file.content))
        files += [SourceFile(f"c_library/example/{file.path}", file.content) for file in product.example]
        files.append(SourceFile("c_library/LICENSE", product.texts["LICENSE"]))
        return tuple(files)
