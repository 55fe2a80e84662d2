"""What one build depends on, and whether its output is still the answer.  Imports nothing slow."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild import __version__, cache, resources
from edgebuild.config import Config, DataSource, automatic
from edgebuild.pipeline import target_steps
from edgebuild.process import Tool
from edgebuild.reports.report import Report
from edgebuild.target import load
from edgebuild.target.profile import Profile

REPORT = "report.json"


_WHERE = ("targets", "output", "file", "overrides", "timeout")
"""Settings that say where things are or how long to wait: the bundle's bytes do not depend on them."""

_CONTENT = ("model", "labels", "custom", "calibration", "evaluation", "training", "validation", "loss", "metric")
"""Settings that name files: their content counts."""


@dataclass(frozen=True)
class Request:
    """One build for one target.

    Attributes:
        config: with the target's own settings laid over it.
        io: element type of the model's border, as configuration and target agreed.
        output: the folder that receives the bundle.
    """

    config: Config
    profile: Profile
    io: str
    packages: tuple[str, ...]
    output: Path

    @classmethod
    def of(cls, config: Config, target: str) -> Request:
        """The request for ``target``.

        Raises:
            UsageError: there is no such target.
            UnsupportedError: it cannot have the engine that is asked for.
        """
        own = config.for_target(target)
        profile = load.load(target).with_engine(own.engine)
        own = target_steps.of(own, profile)
        packages = profile.packages if own.packages is None else own.packages
        return cls(own, profile, own.io or profile.io, packages, own.output / profile.name)

    def files(self) -> Iterator[Path]:
        """Every file of the user's that the build reads, folders spread out; the profiles come last."""
        config = self.config
        sources = [source.path for source in config.sources if source is not None]
        sources += self.step_files()
        named = [path for path in (config.file, config.labels, config.custom) if path is not None]
        for path in dict.fromkeys([*named, config.model, *sources]):
            yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        yield from self.profile.files

    def step_files(self) -> list[Path]:
        """Files that settings of the compression steps name, such as a teacher's; relative to the configuration."""
        if not self.config.steps:
            return []
        from edgebuild import compress

        folder = self.config.file.parent if self.config.file else Path()
        steps = [step for step in self.config.steps if step.technique != automatic.NAME]
        names = [name for step in steps for name in compress.files(step.technique, step.settings)]
        return [Path(os.path.abspath(folder / name)) for name in names]

    @functools.cached_property
    def model_key(self) -> str:
        """Hash of what the model half depends on."""
        config = self.config
        return cache.key(
            own_digest(),
            cache.file_digest(config.model),
            cache.file_digest(config.custom) if config.custom else None,
            [_source(source) for source in config.sources],
            config.steps,
            config.each_step,
            [cache.file_digest(path) for path in self.step_files() if path.exists()],
            config.precision,
            config.quantization,
            self.io,
            config.seed,
            config.evaluation_samples,
            config.allow_unsafe_model,
        )

    @property
    def asked(self) -> dict[str, Any]:
        """Every setting on which the bundle depends, by field, but for the content of files."""
        fields = (field.name for field in dataclasses.fields(self.config))
        return {name: getattr(self.config, name) for name in fields if name not in (*_WHERE, *_CONTENT)}

    @functools.cached_property
    def key(self) -> str:
        """Hash of everything that the bundle depends on."""
        config = self.config
        return cache.key(
            self.model_key,
            self.asked,
            cache.file_digest(config.labels) if config.labels else None,
            self.packages,
            dataclasses.replace(self.profile, files=()),
            [shown(path) for path in self.files()],
            tools_identity(self.profile),
            os.environ.get("SOURCE_DATE_EPOCH"),
        )

    def record(self) -> Path:
        """Where the cache remembers what it wrote to this output folder."""
        return cache.root() / "outputs" / f"{cache.key(str(self.output))[:32]}.json"

    def remember(self, report: dict[str, Any], extra: dict[str, str]) -> None:
        """Note that the output folder now holds the answer to this request.

        Args:
            extra: files that the user's own code read, with their hashes.
        """
        stamp = {"key": self.key, "report": report, "read": extra, "written": self._written(report)}
        place = self.record()
        with cache.disk(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(stamp))
            partial.replace(place)

    def answer(self) -> Report | None:
        """The report in the output folder, when nothing that it depends on has changed since."""
        try:
            stamp = json.loads(self.record().read_text())
            if stamp["key"] != self.key or stamp["written"] != self._written(stamp["report"]):
                return None
            if any(cache.file_digest(Path(path)) != known for path, known in stamp["read"].items()):
                return None
            # make compares times: the witness must be younger than a file that was touched but not changed
            (self.output / self.witness).touch()
            return dataclasses.replace(Report.from_json(stamp["report"]), up_to_date=True)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _written(self, report: dict[str, Any]) -> list[list[Any]]:
        """Size and time of each file of the bundle; a file that is missing is an OSError."""
        names = [*(file["path"] for file in report["files"]), REPORT]
        found = [(name, (self.output / name).stat()) for name in names]
        return [[name, s.st_size, 0 if name == self.witness else s.st_mtime_ns] for name, s in found]

    @property
    def witness(self) -> str:
        """The file whose time says when the bundle was last found to be up to date."""
        return f"{self.config.name}.mk"


def shown(path: Path) -> str:
    """``path`` as make should name it: relative to the current folder where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _source(source: DataSource | None) -> tuple[str, str | None] | None:
    return None if source is None else (cache.file_digest(source.path), source.function)


@functools.cache
def own_digest() -> str:
    """Hash of edgebuild itself: code, templates and version."""
    code = Path(__file__).resolve().parents[1]
    files = sorted(code.rglob("*.py")) + sorted(p for p in resources.folder("templates").rglob("*") if p.is_file())
    return cache.key(__version__, [cache.digest(path.read_bytes()) for path in files])


def tools_of(profile: Profile) -> tuple[Tool, ...]:
    """The programs that a build for ``profile`` runs."""
    from edgebuild import emulators, toolchains

    found: list[Tool] = []
    for part in (profile, *profile.also):
        if part.toolchain in toolchains.names():
            found += toolchains.find(part.toolchain).tools
        if part.emulation.emulator in emulators.names():
            found += emulators.find(part.emulation.emulator).tools
    return tuple(dict.fromkeys(found))


def tools_identity(profile: Profile) -> list[list[Any]]:
    """Which programs those are, without starting them: path, size and time."""
    identity: list[list[Any]] = []
    for tool in tools_of(profile):
        path = tool.path()
        status = Path(path).stat() if path else None
        identity.append([tool.command, path, status.st_size if status else 0, status.st_mtime_ns if status else 0])
    return identity
