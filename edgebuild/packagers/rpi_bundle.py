"""A folder to unpack on a Linux board: program, library, model, runners and an installer."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product
from edgebuild.packagers._tar import tar_gz


class RpiBundle(Packager):
    """``<name>-<target>.tar.gz``; unpack it on the board and run ``./install.sh``."""

    families = ("linux",)

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        bundle = product.bundle
        assert bundle is not None
        top = f"{bundle.command}-{product.profile.name}"
        return (SourceFile(f"{top}.tar.gz", tar_gz(top, bundle.files)),)
