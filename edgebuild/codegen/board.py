"""C and Python around a model on a Linux board: library, runners, units, installer and papers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgebuild.artifacts import Interface, SourceFile, Sources
from edgebuild.codegen.environment import render

_FOLDER = "packages/rpi"


@dataclass(frozen=True)
class Board:
    """What the templates need to know of a bundle.

    Attributes:
        engine: ``litert`` or ``c``.
        machines: what ``uname -m`` may say on the board.
        runtime: version of the TFLite runtime; empty for generated C.
        requirement: line of ``requirements.txt``; empty where there is no Python.
        module: Python package of the runtime.
        numpy: which versions of numpy the runtime takes (``<2``).
        vendored: whether the Python runtime lies in the bundle.
        program: path of the program that the command runs.
    """

    interface: Interface
    engine: str
    machines: tuple[str, ...]
    program: str
    runtime: str = ""
    requirement: str = ""
    module: str = ""
    numpy: str = ""
    vendored: bool = False

    @property
    def command(self) -> str:
        """The model's name as a command and as a Debian package may be called."""
        return re.sub(r"[^a-z0-9]+", "-", self.interface.name.lower()).strip("-")

    def text(self, template: str, **more: object) -> bytes:
        """A template of the bundle, rendered."""
        return render(
            f"{_FOLDER}/{template}",
            **vars(self),
            prefix=self.interface.name,
            command=self.command,
            input_bytes=sum(port.bytes for port in self.interface.inputs),
            output_bytes=sum(port.bytes for port in self.interface.outputs),
            **more,
        ).encode()


def library(board: Board) -> Sources:
    """``load``, ``invoke`` and ``free`` on the C interface of LiteRT."""
    name = board.interface.name
    return Sources(
        interface=board.interface,
        files=(
            SourceFile(f"{name}.h", board.text("litert.h.j2")),
            SourceFile(f"{name}.c", board.text("litert.c.j2")),
        ),
        units=(f"{name}.c",),
        weights_unit="",
        steps=(),
    )


def runner(board: Board) -> SourceFile:
    """The program around the library."""
    return SourceFile("main.c", board.text("runner.c.j2"))


def python(board: Board) -> Mapping[str, bytes]:
    """The Python runner and what it requires, by path."""
    return {
        "python/run.py": board.text("run.py.j2"),
        "python/requirements.txt": board.text("requirements.txt.j2"),
    }


def installation(board: Board) -> Mapping[str, bytes]:
    """Installer and systemd units, by path."""
    return {
        "install.sh": board.text("install.sh.j2"),
        f"systemd/{board.command}@.service": board.text("service.j2"),
        f"systemd/{board.command}.socket": board.text("socket.j2"),
    }
