"""No emulator at all: the host runs the program itself."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.target.profile import Profile


class Native(Emulator):
    """The image is the program; instructions and stack are not measured."""

    program = None
    tools = ()

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        return [str(image.elf.resolve()), *arguments]

    def label(self, profile: Profile) -> str:
        return "this machine"
