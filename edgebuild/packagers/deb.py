"""A Debian package for a Linux board."""

from __future__ import annotations

import hashlib

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Bundle, BundleFile, Packager, Product
from edgebuild.packagers._tar import date, tar_gz


class Deb(Packager):
    """``<name>_<version>_<architecture>.deb``: the bundle below ``/opt``, its command and its systemd units.

    Written here and not by ``dpkg-deb``: the format is three files in an ``ar`` archive.
    """

    families = ("linux",)

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        bundle = product.bundle
        assert bundle is not None
        home = f"opt/{bundle.command}"
        files = [BundleFile(f"{home}/{f.path}", f.content, f.executable) for f in bundle.files]
        files += [
            BundleFile(f"usr/lib/systemd/system/{f.path.rpartition('/')[2]}", f.content)
            for f in bundle.files
            if f.path.startswith("systemd/")
        ]
        links = [(f"usr/bin/{bundle.command}", f"/{home}/{bundle.program}")]
        members = {
            "debian-binary": b"2.0\n",
            "control.tar.gz": tar_gz(".", _control(bundle, files, product)),
            "data.tar.gz": tar_gz(".", files, links),
        }
        name = f"{bundle.command}_{bundle.version}_{bundle.architecture}.deb"
        return (SourceFile(name, b"!<arch>\n" + b"".join(_member(n, content) for n, content in members.items())),)


def _control(bundle: Bundle, files: list[BundleFile], product: Product) -> list[BundleFile]:
    lines = [
        f"Package: {bundle.command}",
        f"Version: {bundle.version}",
        f"Architecture: {bundle.architecture}",
        "Maintainer: edgebuild <edgebuild@localhost>",
        f"Installed-Size: {sum(-(-len(f.content) // 1024) for f in files)}",
        *([f"Depends: {', '.join(bundle.depends)}"] if bundle.depends else []),
        "Section: science",
        "Priority: optional",
        f"Description: {bundle.summary}",
        " Built by edgebuild; /opt has a README.md with how it is used and what was proven.",
    ]
    sums = "".join(f"{hashlib.md5(f.content).hexdigest()}  {f.path}\n" for f in sorted(files, key=lambda f: f.path))  # noqa: S324
    scripts = [
        BundleFile(name, product.text(f"rpi/{name}.sh.j2", command=bundle.command), executable=True)
        for name in ("postinst", "prerm", "postrm")
    ]
    return [BundleFile("control", ("\n".join(lines) + "\n").encode()), BundleFile("md5sums", sums.encode()), *scripts]


def _member(name: str, content: bytes) -> bytes:
    """A file in an ``ar`` archive: 60 bytes that describe it, the content, and a byte where its length is odd."""
    head = f"{name:<16}{date():<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n"
    return head.encode() + content + b"\n" * (len(content) % 2)
