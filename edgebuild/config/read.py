"""Reads ``edgebuild.toml`` and the command line's options strictly into a :class:`Config`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebuild.config import lines
from edgebuild.config.key import Key
from edgebuild.config.kinds import Wrong, identifier, suggestion
from edgebuild.config.schema import BY_PATH, FILE_NAME, KEYS, SECTIONS
from edgebuild.config.values import Config, DataSource, Step, lay_over, short_name
from edgebuild.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """What a file and the options say, validated but not yet complete; values by field of Config."""

    values: Mapping[str, Any]
    overrides: Mapping[str, Mapping[str, Any]]
    file: Path | None


def find(folder: Path) -> Path | None:
    """``edgebuild.toml`` in ``folder``, or None.  Folders above are not searched: as with make."""
    file = folder / FILE_NAME
    return file if file.is_file() else None


def load(file: Path | None, options: Mapping[str, Any] | None = None, *, allow_unsafe_model: bool = False) -> Config:
    """The build that ``file`` and ``options`` describe.

    Args:
        file: an ``edgebuild.toml``; its relative paths start at its folder.
        options: values that win over the file's, by dotted key (``{"model.path": "net.tflite"}``);
            their relative paths start at the current folder.
        allow_unsafe_model: load models that may run code.

    Raises:
        UsageError: something is unknown, wrong or missing.
    """
    settings = read(file, options)
    values = dict(settings.values)
    for name in ("model", "targets"):
        if name not in values:
            key = next(key for key in KEYS if key.field == name)
            raise UsageError(
                _shown(file) if file else "command line",
                f"no {key.dotted} is given",
                f"set {key.dotted} in {FILE_NAME}, or give {key.option}",
            )
    values.setdefault("name", identifier(values["model"].stem))
    values.setdefault("output", Path(os.path.abspath((file.parent if file else Path()) / "build")))
    base = Config(
        model=values.pop("model"),
        name=values.pop("name"),
        targets=values.pop("targets"),
        output=values.pop("output"),
        allow_unsafe_model=allow_unsafe_model,
        file=settings.file,
        overrides=settings.overrides,
    )
    config = lay_over(base, values)
    _check_overrides(config)
    return config


def read(file: Path | None, options: Mapping[str, Any] | None = None) -> Settings:
    """What ``file`` and ``options`` say; nothing in them needs to be complete.

    Raises:
        UsageError: something is unknown or wrong.
    """
    values: dict[str, Any] = {}
    overrides: dict[str, dict[str, Any]] = {}
    if file is not None:
        source = _Source(file)
        values = _fields(dict(source.values(source.tree)))
        for name in source.override_names():
            own = source.values(source.tree["target"][name], ("target", name))
            overrides[name] = _fields(dict(own))
    for dotted, value in (options or {}).items():
        key = BY_PATH[tuple(dotted.split("."))]
        try:
            values |= _fields({key: key.kind.read(value, Path.cwd())})
        except Wrong as wrong:
            raise UsageError(key.option or dotted, wrong.rule, wrong.remedy) from None
    return Settings(values, overrides, Path(os.path.abspath(file)) if file else None)


def check_files(config: Config) -> None:
    """Whether the model and the data that ``config`` names are there, and enough for its precision.

    Raises:
        UsageError: a file is missing, or calibration data are.
    """
    if not config.model.exists():
        raise UsageError(
            place(config.file, ("model", "path")),
            f"no such model: {_shown(config.model)}",
            "correct model.path or --model",
        )
    if config.custom is not None and not config.custom.is_file():
        raise UsageError(
            place(config.file, ("model", "custom")),
            f"no such file: {_shown(config.custom)}",
            "correct model.custom or --custom",
        )
    for name in ("calibration", "evaluation", "training", "validation"):
        source: DataSource | None = getattr(config, name)
        if source is not None and not source.path.exists():
            raise UsageError(
                place(config.file, ("data", name)),
                f"no such {name} data: {_shown(source.path)}",
                f"correct data.{name} or --{name}",
            )
    for name in ("loss", "metric"):
        own: DataSource | None = getattr(config, name)
        if own is not None and not own.path.exists():
            raise UsageError(
                place(config.file, ("compress", name)), f"no such file: {_shown(own.path)}", f"correct compress.{name}"
            )
    from_training = config.model.is_dir() or config.model.suffix in (".keras", ".h5", ".hdf5")
    if from_training and config.precision.startswith("int") and config.calibration is None:
        raise UsageError(
            place(config.file, ("data",)),
            f"{config.precision} needs calibration data, and none are given for {_shown(config.model)}",
            "set data.calibration in edgebuild.toml, or give --calibration",
        )


def place(file: Path | None, path: tuple[str | int, ...]) -> str:
    """``edgebuild.toml:7`` for a key, or for the nearest table that holds it.

    For messages about values that are found wrong only later in the build.
    """
    if file is None:
        return "command line"
    try:
        found = lines.locate(file.read_text("utf-8"))
    except (OSError, ValueError, IndexError):
        return _shown(file)
    while path:
        if path in found:
            return f"{_shown(file)}:{found[path]}"
        path = path[:-1]
    return _shown(file)


class _Source:
    """An ``edgebuild.toml`` that has been parsed, and where its keys stand."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.shown = _shown(file)
        try:
            self.text = file.read_bytes().decode("utf-8")
            self.tree = tomllib.loads(self.text)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(self.shown, f"cannot be read: {reason}", "give an edgebuild.toml") from None
        except UnicodeDecodeError as error:
            line = file.read_bytes()[: error.start].count(b"\n") + 1
            raise UsageError(f"{self.shown}:{line}", "not UTF-8", "save the file as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise self._syntax(str(error)) from None

    def _syntax(self, message: str) -> UsageError:
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
        what = match[1] if match else message
        line = int(match[2]) if match and match[2] else self.text.count("\n") + 1
        where = f"column {match[3]}" if match and match[3] else "the end of the file"
        rule = f"not valid TOML: {what[:1].lower()}{what[1:]}"
        return UsageError(f"{self.shown}:{line}", rule, f"look at {where}")

    def fail(self, path: tuple[str | int, ...], rule: str, remedy: str) -> UsageError:
        return UsageError(place(self.file, path), rule, remedy)

    def values(self, tree: Mapping[str, Any], below: tuple[str, ...] = ()) -> Iterator[tuple[Key, Any]]:
        """Every key of ``tree`` with its value read; ``below`` is ``("target", NAME)`` in an override."""
        for name, value in tree.items():
            if name == "target" and not below:
                continue
            if name in SECTIONS:
                if not isinstance(value, dict):
                    raise self.fail((*below, name), f"'{name}' is a section", f"write [{name}]")
                for inner, content in value.items():
                    yield self._one((name, inner), content, below)
            else:
                yield self._one((name,), value, below)

    def _one(self, path: tuple[str, ...], value: Any, below: tuple[str, ...]) -> tuple[Key, Any]:
        where = below + path
        key = BY_PATH.get(path)
        if key is None:
            raise self.fail(where, f"unknown key '{path[-1]}'{_in(where[:-1])}", _where_instead(path, below))
        if below and not key.per_target:
            remedy = f"set {key.dotted} once, for all targets"
            raise self.fail(where, f"'{key.dotted}' cannot differ between targets", remedy)
        try:
            return key, key.kind.read(value, self.file.parent)
        except Wrong as wrong:
            raise self.fail(where + wrong.at, f"{key.dotted}: {wrong.rule}", wrong.remedy) from None

    def override_names(self) -> tuple[str, ...]:
        tables = self.tree.get("target", {})
        if not isinstance(tables, dict):
            raise self.fail(("target",), "'target' holds one section a target", "write targets = […]")
        for name, table in tables.items():
            if not isinstance(table, dict):
                remedy = f"write [target.{name}], or targets = […] for the list"
                raise self.fail(("target", name), f"'target.{name}' is a section", remedy)
        return tuple(tables)


def _where_instead(path: tuple[str, ...], below: tuple[str, ...]) -> str:
    """The remedy for an unknown key: where it belongs, or what it may have meant."""
    for key in KEYS:
        if key.path[-1] == path[-1] and (key.per_target or not below):
            if len(key.path) == 1:
                return f"'{path[-1]}' belongs above the first [section]"
            return f"it belongs in [{'.'.join(below + key.path[:-1])}]"
    siblings = {key.path[-1] for key in KEYS if key.path[:-1] == path[:-1] and (key.per_target or not below)}
    if len(path) == 1:
        siblings |= {key.path[0] for key in KEYS if key.per_target or not below}
        siblings |= set() if below else {"target"}
    return suggestion(path[-1], siblings, "known here")


def _in(section: tuple[str, ...]) -> str:
    return f" in [{'.'.join(section)}]" if section else ""


def _fields(values: Mapping[Key, Any]) -> dict[str, Any]:
    """Values by field; the recipe's quantize step becomes the precision."""
    fields: dict[str, Any] = {}
    for key, value in values.items():
        fields[key.field] = value
        if key.field == "steps" and value and value[-1].technique == "quantize":
            steps: tuple[Step, ...] = value
            settings = dict(steps[-1].settings)
            fields["steps"], fields["precision"] = steps[:-1], str(settings.pop("precision"))
            fields["quantization"] = settings
    return fields


def _check_overrides(config: Config) -> None:
    """Refuse ``[target.NAME]`` of a target that does not exist: a misspelt one would be ignored."""
    unknown = set(config.overrides) - {short_name(target) for target in config.targets}
    if not unknown:
        return
    from edgebuild.target import load as profiles

    known = {*profiles.names(), *(short_name(target) for target in config.targets)}
    for name in sorted(unknown - known):
        raise UsageError(
            place(config.file, ("target", name)),
            f"there is no target '{name}'",
            suggestion(name, known, "known"),
        )


def _shown(file: Path) -> str:
    """``file`` relative to the current folder where it lies below it."""
    try:
        return str(Path(os.path.abspath(file)).relative_to(Path.cwd()))
    except ValueError:
        return str(file)
