"""Emulators: plugins say how one is called, :func:`run` calls it and judges what came back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebuild import registry
from edgebuild.artifacts import Image
from edgebuild.process import Tool
from edgebuild.target.profile import Profile


@dataclass(frozen=True)
class Plugin:
    """The instruction counter.

    Attributes:
        path: the shared object.
        marks, out: files it reads and writes, relative to where the emulator runs.
    """

    path: Path
    marks: str
    out: str


class Emulator(ABC):
    """A program that runs a linked image.  Methods return argument vectors and run nothing.

    Attributes:
        program: the emulator itself; the image is its own where ``program`` is None.
        counts: whether it can load a :class:`Plugin`.
        boots: whether it boots a Linux system of its own, which shares no files with us; see ``boot``.
    """

    program: ClassVar[Tool | None]
    tools: ClassVar[tuple[Tool, ...]]
    counts: ClassVar[bool] = False
    boots: ClassVar[bool] = False

    @abstractmethod
    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        """Run ``image`` with ``arguments``: words without spaces or commas, files of the working folder."""

    def label(self, profile: Profile) -> str:
        """What the program runs on, as errors name it."""
        return f"{profile.emulation.machine} ({profile.emulation.cpu})"


def names() -> tuple[str, ...]:
    """Names of all emulators."""
    return registry.names(__name__)


def find(name: str) -> Emulator:
    """The emulator ``name``.

    Raises:
        KeyError: there is none of that name.
    """
    return registry.find(__name__, name, Emulator)()  # type: ignore[type-abstract]


from edgebuild.emulators._guest import JOB, KERNEL, Booted, Entry, boot  # noqa: E402
from edgebuild.emulators._run import run  # noqa: E402

__all__ = ["JOB", "KERNEL", "Booted", "Emulator", "Entry", "Plugin", "boot", "find", "names", "run"]
