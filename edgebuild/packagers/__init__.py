"""What is handed over, one file a format.  Only what an emulator has proven gets here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from edgebuild import registry
from edgebuild.artifacts import Image, Interface, SourceFile, Sources
from edgebuild.target.profile import Profile

Render = Callable[..., str]


@dataclass(frozen=True, eq=False)
class Product:
    """A proven build, as packagers see it.

    Attributes:
        tflite: the model file between the deployed inputs and outputs.
        example: a program that checks the library on test vectors.
        firmware: the linked firmware image by suffix (``.elf``), where a packager asked for it.
        image: the program that was proven, with the library.
        render: renders a template of ``templates/``.
        texts: files that several packages carry (``LICENSE``).
    """

    profile: Profile
    interface: Interface
    sources: Sources
    tflite: bytes
    example: tuple[SourceFile, ...]
    image: Image
    render: Render
    texts: Mapping[str, bytes]
    firmware: Mapping[str, bytes] | None = None

    @property
    def name(self) -> str:
        """The model's C identifier."""
        return self.interface.name

    def text(self, template: str, **more: object) -> bytes:
        """A template of ``templates/packages`` rendered for this product."""
        return self.render(
            f"packages/{template}",
            prefix=self.name,
            interface=self.interface,
            profile=self.profile,
            sources=self.sources,
            **more,
        ).encode()


class Packager(ABC):
    """Contract of every file in this folder; the class's docstring says what it makes.

    Attributes:
        needs_firmware: whether it packs a linked firmware image.
    """

    needs_firmware: ClassVar[bool] = False

    @abstractmethod
    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        """The package's files; paths are relative to the output folder."""


def names() -> tuple[str, ...]:
    """Public names of all package formats."""
    return registry.names(__name__)


def find(name: str) -> Packager:
    """The package format called ``name``."""
    return registry.find(__name__, name, Packager)()  # type: ignore[type-abstract]
