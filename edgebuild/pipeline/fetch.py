"""Downloads that a target needs, through pip and apt as this machine has them configured, once.

No address stands here: which index and which mirror is the user's own configuration.  A wheel is pinned by its
sha256.  A Debian package is pinned by the signature of the distribution, which apt checks, and by the sha256 that
the signed list states, which is checked here as well.  What does not match is not kept.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgebuild import cache, process
from edgebuild.errors import ToolError
from edgebuild.pipeline import archive
from edgebuild.process import Tool

APT = Tool("apt-get", "apt", "downloading what the emulated system consists of")

_SECONDS = 1800.0
"""Time limit of one download; 60 MB on a slow line."""

_LISTED = re.compile(r"'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$")

Progress = Callable[[float, str], None]
"""Told how far a download is, 0 to 1, and what it is."""


def unheard(fraction: float, text: str) -> None:
    """Nobody is told: for what is there already."""


@dataclass(frozen=True)
class Wheel:
    """A Python package, as one certain file.

    Attributes:
        requirement: with its version (``ai-edge-litert==2.3.0``).
        python: version of the interpreter that it is for, ``311``.
        platforms: tags that pip may accept.
        sha256: of the file.
    """

    requirement: str
    python: str
    platforms: tuple[str, ...]
    sha256: str


def wheel(wanted: Wheel, progress: Progress) -> tuple[Path, bool]:
    """The file of ``wanted``, and whether it had been there.

    Raises:
        ToolError: pip cannot download it, or what came is another file; nothing is kept.
    """

    def work(folder: Path) -> None:
        progress(0.0, wanted.requirement)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
        platforms = [word for tag in wanted.platforms for word in ("--platform", tag)]
        version = ("--implementation", "cp", "--python-version", wanted.python, "--abi", f"cp{wanted.python}")
        argv = [*pip, "--no-deps", "--only-binary=:all:", *version, *platforms, "--dest", ".", wanted.requirement]
        done = _run(argv, folder)
        found = [path for path in folder.iterdir() if path.suffix == ".whl"]
        if done.status != 0 or len(found) != 1:
            raise ToolError(
                "pip",
                f"cannot download {wanted.requirement} for {wanted.platforms[0]}",
                "connect this machine to its package index once; later builds need no network",
                _last(done),
            )
        _insist(found[0], wanted.sha256)

    folder, hit = cache.make("downloads", cache.key(wanted), work)
    return next(path for path in sorted(folder.iterdir()) if path.suffix == ".whl"), hit


@dataclass(frozen=True)
class Debian:
    """Files out of Debian packages of another architecture.

    Attributes:
        architecture: as Debian names it, ``arm64``.
        packages: names; ``NAME/`` stands for the package that the empty package NAME depends on (kernels).
        keep: regular expression of the paths that are unpacked, without ``./``.
        most: files to unpack from a package before the rest of it is passed over; 0 for all.
        links: symbolic links that an installation would have made: path and target.
        edition: raised when what is kept, or how, changes.
    """

    architecture: str
    packages: tuple[str, ...]
    keep: str
    most: int = 0
    links: tuple[tuple[str, str], ...] = ()
    edition: int = 1


def debian(wanted: Debian, progress: Progress, place: tuple[str, str] | None = None) -> tuple[Path, bool]:
    """A folder with the unpacked files of ``wanted`` below ``root/``, and whether it had been there.

    ``packages.json`` beside it says which versions they are.

    Args:
        place: stage and name in the cache, for what others look for there.

    Raises:
        ToolError: apt cannot download them, or what came is not what the signed list says; nothing is kept.
    """

    def work(folder: Path) -> None:
        APT.require()
        with cache.scratch("apt") as state:
            apt = _Apt(wanted.architecture, state)
            progress(0.0, f"package lists for {wanted.architecture}")
            apt.update()
            names = [apt.depended(name.rstrip("/")) if name.endswith("/") else name for name in wanted.packages]
            listed = apt.listed(names)
            size = sum(size for _, size, _ in listed.values())
            progress(0.1, f"{', '.join(names[:2])}{' …' if len(names) > 2 else ''}, {size / 1e6:.1f} MB")
            files = apt.download(names)
            versions = {}
            for number, (name, (file, size, sha256)) in enumerate(listed.items()):
                progress(0.7 + 0.3 * number / len(listed), f"unpacking {name}")
                _insist(files[name], sha256)
                archive.unpack_deb(files[name], folder / "root", re.compile(wanted.keep), wanted.most)
                versions[name] = {"file": file, "bytes": size, "sha256": sha256}
            for path, target in wanted.links:
                (folder / "root" / path).symlink_to(target)
        (folder / "packages.json").write_text(json.dumps(versions, indent=1, sort_keys=True))

    return cache.make(*(place or ("downloads", cache.key(wanted))), work)


def versions(folder: Path) -> dict[str, str]:
    """Which packages a folder of :func:`debian` was unpacked from, with their versions."""
    found = json.loads((folder / "packages.json").read_text())
    return {name: entry["file"].split("_")[1] for name, entry in found.items()}


class _Apt:
    """apt with the machine's own sources, but lists, cache and architecture of its own: the machine is not touched."""

    def __init__(self, architecture: str, state: Path) -> None:
        self.state = state
        for name in ("lists/partial", "archives/partial", "files"):
            (state / name).mkdir(parents=True)
        (state / "status").touch()
        settings = {
            "APT::Architecture": architecture,
            "Dir::State::lists": state / "lists",
            "Dir::State::status": state / "status",
            "Dir::Cache": state,
            "Dir::Cache::archives": state / "archives",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "1",
            "Acquire::Retries": "3",
        }
        lines = [f'{name} "{value}";' for name, value in settings.items()]
        # a list of architectures in the machine's own configuration would be added to
        lines += ["#clear APT::Architectures;", f'APT::Architectures {{ "{architecture}"; }};']
        (state / "apt.conf").write_text("\n".join(lines) + "\n")
        self.architecture = architecture

    def update(self) -> None:
        """Read the lists.  A source that fails matters only if the packages are then not found."""
        for _ in range(2):  # a mirror that is being updated is consistent again a moment later
            self._updated = self._call("apt-get", "-qq", "update")
            if self._updated.status == 0:
                return

    def depended(self, name: str) -> str:
        """The first package that ``name`` depends on."""
        done = self._call("apt-cache", "depends", "--important", name)
        found = re.search(r"^\s+Depends: (\S+)", done.stdout, re.MULTILINE)
        if found is None:
            raise self._failed(f"knows no package {name}", self._updated if self._updated.status else done)
        return found[1]

    def listed(self, names: list[str]) -> dict[str, tuple[str, int, str]]:
        """File name, bytes and sha256 of each package, by name, in order."""
        done = self._call("apt-get", "download", "--print-uris", *names)
        found = {}
        for line in done.stdout.splitlines():
            if entry := _LISTED.match(line.strip()):
                file = urllib.parse.unquote(entry[2])
                found[file.split("_")[0]] = (file, int(entry[3]), entry[4])
        if done.status != 0 or not set(names) <= set(found):
            missing = ", ".join(sorted(set(names) - set(found)))
            raise self._failed(f"does not find {missing}", self._updated if self._updated.status else done)
        return {name: found[name] for name in names}

    def download(self, names: list[str]) -> dict[str, Path]:
        """The file of each package."""
        done = self._call("apt-get", "-qq", "download", *names)
        found = {path.name.split("_")[0]: path for path in (self.state / "files").glob("*.deb")}
        if done.status != 0 or not set(names) <= set(found):
            raise self._failed(f"cannot download {', '.join(sorted(set(names) - set(found)) or names)}", done)
        return found

    def _call(self, *argv: str) -> process.Completed:
        return _run(list(argv), self.state / "files", {"APT_CONFIG": str(self.state / "apt.conf")})

    def _failed(self, what: str, done: process.Completed) -> ToolError:
        return ToolError(
            "apt-get",
            f"{what} (architecture {self.architecture})",
            "see that this machine's package sources are reachable and have that architecture; "
            "this is needed once, later builds need no network",
            _last(done),
        )


def _run(argv: list[str], folder: Path, environment: dict[str, str] | None = None) -> process.Completed:
    try:
        return process.run(argv, timeout=_SECONDS, cwd=folder, env=environment)
    except process.TimedOut as late:
        rule = f"did not finish a download within {late.seconds:g} s"
        raise ToolError(Path(argv[0]).name, rule, "try again on a faster line") from late


def _insist(path: Path, sha256: str) -> None:
    found = cache.file_digest(path)
    if found != sha256:
        raise ToolError(
            path.name,
            f"was downloaded with sha256 {found}, expected {sha256}",
            "try again; if it stays so, the package source hands out another file under this name",
        )


def _last(done: process.Completed) -> tuple[str, ...]:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if not line.startswith("WARNING: Location")]
    return tuple(lines[-5:])
