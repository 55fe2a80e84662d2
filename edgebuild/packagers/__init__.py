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


@dataclass(frozen=True)
class Android:
    """What an Android package consists of.

    Attributes:
        package: name of the Java package.
        api: the lowest API level that it runs on.
        classes: ``classes.jar``.
        file: file name of the native library.
        natives: the native library by ABI; none where ``dependency`` runs the model.
        dependency: Maven coordinates of the runtime, or None.
        input_bytes, output_bytes: of all inputs and of all outputs.
        facts: sentences about what was proven and what was not.
        app: a signed demo app, where a packager asked for it.
    """

    package: str
    api: int
    classes: bytes
    file: str
    natives: Mapping[str, bytes]
    dependency: str | None
    input_bytes: int
    output_bytes: int
    facts: tuple[str, ...]
    app: bytes | None = None


@dataclass(frozen=True)
class BundleFile:
    """A file that is installed on a board: path inside the bundle, and its content."""

    path: str
    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class Bundle:
    """What is installed on a Linux board, below ``/opt/<command>``.

    Attributes:
        command: what the user types there; also the name of the Debian package.
        version: of the package.
        architecture: as Debian names it.
        depends: Debian packages that the board needs, with their versions.
        summary: one line.
        program: path of the file that ``command`` runs.
    """

    command: str
    version: str
    architecture: str
    depends: tuple[str, ...]
    summary: str
    program: str
    files: tuple[BundleFile, ...]


@dataclass(frozen=True, eq=False)
class Product:
    """A proven build, as packagers see it.

    Attributes:
        tflite: the model file between the deployed inputs and outputs.
        example: a program that checks the library on test vectors.
        firmware: the linked firmware image by suffix (``.elf``), where a packager asked for it.
        image: the program that was proven, with the library; None where a runtime runs the model file.
        render: renders a template of ``templates/``.
        texts: files that several packages carry (``LICENSE``).
        android: classes and native code, for an Android target.
        bundle: what is installed on the board, for a Linux target.
    """

    profile: Profile
    interface: Interface
    sources: Sources
    tflite: bytes
    example: tuple[SourceFile, ...]
    image: Image | None
    render: Render
    texts: Mapping[str, bytes]
    firmware: Mapping[str, bytes] | None = None
    android: Android | None = None
    bundle: Bundle | None = None

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
        needs_app: whether it packs a demo app.
        families: of the targets that it is for; empty for all.
    """

    needs_firmware: ClassVar[bool] = False
    needs_app: ClassVar[bool] = False
    families: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        """The package's files; paths are relative to the output folder."""


def names() -> tuple[str, ...]:
    """Public names of all package formats."""
    return registry.names(__name__)


def find(name: str) -> Packager:
    """The package format called ``name``."""
    return registry.find(__name__, name, Packager)()  # type: ignore[type-abstract]


from edgebuild.packagers._zip import zipped  # noqa: E402

__all__ = ["Android", "Bundle", "BundleFile", "Packager", "Product", "find", "names", "zipped"]
