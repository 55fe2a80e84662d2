"""A file Maven repository: what Gradle and Maven resolve a dependency from, without a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from edgebuild.artifacts import SourceFile

_CHECKSUMS = ("md5", "sha1", "sha256", "sha512")
"""What resolvers look for beside each file, the old ones first."""


@dataclass(frozen=True)
class Coordinates:
    """Under which name a dependency is asked for."""

    group: str
    artifact: str
    version: str

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def folder(self) -> str:
        """Where its versions lie in a repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}"

    @property
    def stem(self) -> str:
        """Path of its files in a repository, without suffix."""
        return f"{self.folder}/{self.version}/{self.artifact}-{self.version}"


def repository(coordinates: Coordinates, artifact: bytes, pom: bytes, metadata: bytes) -> Iterator[SourceFile]:
    """The files of a repository that holds one AAR.

    Args:
        metadata: ``maven-metadata.xml``, which lists the versions.
    """
    for path, content in (
        (f"{coordinates.stem}.aar", artifact),
        (f"{coordinates.stem}.pom", pom),
        (f"{coordinates.folder}/maven-metadata.xml", metadata),
    ):
        yield SourceFile(path, content)
        for name in _CHECKSUMS:
            yield SourceFile(f"{path}.{name}", hashlib.new(name, content, usedforsecurity=False).hexdigest().encode())
