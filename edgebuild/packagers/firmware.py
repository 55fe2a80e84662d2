"""A firmware image with the model and a self-test."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product


class Firmware(Packager):
    """``firmware/<name>.elf``, ``.bin``, ``.hex`` and ``.map``; returns 0 when every test vector is right."""

    needs_firmware = True
    families = ("cortex-m",)

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        assert product.firmware is not None
        return tuple(
            SourceFile(f"firmware/{product.name}{suffix}", content) for suffix, content in product.firmware.items()
        )
