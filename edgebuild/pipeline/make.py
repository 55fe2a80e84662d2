"""``<name>.mk`` and ``<name>.d``: how a Makefile uses the bundle and knows when it is out of date."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.pipeline.request import Request, shown


def fragment(request: Request, render) -> tuple[SourceFile, ...]:  # type: ignore[no-untyped-def]
    """The fragment and its depfile.

    The depfile names every file that was read.  Paths are relative to the folder in which edgebuild
    ran, which is where make runs too.
    """
    name = request.config.name
    read = [shown(path) for path in request.files()]
    target = f"{shown(request.output)}/{name}.mk"
    rule = f"{_escape(target)}: " + " \\\n  ".join(_escape(path) for path in read)
    # an empty rule for each: a file that was removed is no error but a reason to build again
    empty = "\n\n".join(f"{_escape(path)}:" for path in read)
    return (
        SourceFile(f"{name}.mk", render("packages/make/model.mk.j2", prefix=name, packages=request.packages).encode()),
        SourceFile(f"{name}.d", f"{rule}\n\n{empty}\n".encode()),
    )


def _escape(path: str) -> str:
    """A path as make reads it."""
    return path.replace("\\", "\\\\").replace("$", "$$").replace("#", "\\#").replace(" ", "\\ ").replace(":", "\\:")
