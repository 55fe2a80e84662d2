"""The Java classes of an Android package."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild import cache, process, toolchains
from edgebuild.artifacts import Interface, SourceFile
from edgebuild.codegen import android
from edgebuild.packagers import zipped
from edgebuild.pipeline.request import Request, own_digest, tools_identity
from edgebuild.pipeline.stages import Stages
from edgebuild.toolchains.clang_android import ClangAndroid

JAR, PROVER = "classes.jar", "prover"

_SECONDS = 120.0
_NATIVE = re.compile(r"\bJNICALL (Java_\w+)")

_FLAGS = (
    *("--release", "8"),  # what every Android toolchain reads, and API level 21 runs
    "-Xlint:all,-options",
    "-Werror",
    "-proc:none",
    "-implicit:none",
    *("-encoding", "UTF-8"),
    "-g:source,lines",
)


@dataclass(frozen=True)
class Classes:
    """The compiled classes.

    Attributes:
        jar: ``classes.jar``.
        natives: functions that implement their native methods, as the compiler spells them.
        prover: folder with the classes of the program that proves them; None where none runs them.
    """

    jar: bytes
    natives: frozenset[str]
    prover: Path


def compile_classes(
    interface: Interface, labels: Sequence[str], dependency: str | None, request: Request, stages: Stages
) -> Classes:
    """The classes of the model with ``interface``.

    Args:
        dependency: Maven coordinates of the runtime that runs the model; None when its native library does.

    Raises:
        ToolError: there is no Java compiler, or it refuses them.
    """
    ours, stubs, prover = (
        android.classes(interface, labels, dependency),
        android.stubs(),
        android.java_prover(interface),
    )
    epoch = os.environ.get("SOURCE_DATE_EPOCH")  # the date of the files in the jar
    key = cache.key(own_digest(), ours, stubs, prover, tools_identity(request.profile), epoch)

    def work(folder: Path) -> None:
        toolchains.write((*ours, *stubs, prover), folder)
        for name in ("classes", "headers", PROVER):
            (folder / name).mkdir(exist_ok=True)
        _javac([*("-sourcepath", "stubs"), *("-h", "headers"), *("-d", "classes")], ours, folder)
        if dependency is None:
            _javac([*("-cp", "classes"), *("-sourcepath", "stubs"), *("-d", PROVER)], (prover,), folder)
        found = sorted((folder / "classes").rglob("*.class"))
        files = {path.relative_to(folder / "classes").as_posix(): path.read_bytes() for path in found}
        (folder / JAR).write_bytes(zipped(files))

    folder = stages.stored("classes", key, work)
    headers = "".join(path.read_text() for path in sorted((folder / "headers").glob("*.h")))
    return Classes((folder / JAR).read_bytes(), frozenset(_NATIVE.findall(headers)), folder / PROVER)


def _javac(options: Sequence[str], sources: Sequence[SourceFile], folder: Path) -> None:
    tool = ClangAndroid.java_compiler
    argv = [tool.command, *_FLAGS, *options, *(file.path for file in sources)]
    process.check(argv, tool=tool, timeout=_SECONDS, cwd=folder)
