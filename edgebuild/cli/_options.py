"""Options that several verbs share.  Those that override ``edgebuild.toml`` come from its schema."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgebuild import config
from edgebuild.cli import _techniques
from edgebuild.cli.console import Console
from edgebuild.config.schema import KEYS
from edgebuild.errors import UsageError

if TYPE_CHECKING:
    from edgebuild.config import Config

Verb = TypeVar("Verb", bound=Callable[..., Any])


def complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of a target's name."""
    from edgebuild.target import load

    return [name for name in load.names() if name.startswith(incomplete)]


def talk(verb: Verb) -> Verb:
    """``--json``, ``-q`` and ``-v``."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Say more."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    ):
        verb = option(verb)
    return verb


def json_only(verb: Verb) -> Verb:
    """``--json`` for verbs that show what there is."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(verb)


def describe_build(verb: Verb) -> Verb:
    """``--config`` and every option that overrides a key of the file."""
    verb = click.option("--allow-unsafe-model", is_flag=True, help="Load models that may run code (Lambda layers).")(
        verb
    )
    for key in reversed(KEYS):
        if key.option is None:
            continue
        kind: dict[str, Any] = {"metavar": "DATA"}
        if key.field == "targets":
            kind = {"multiple": True, "metavar": "NAME", "shell_complete": complete_target}
        elif key.field in ("model", "custom", "output"):
            kind = {"type": click.Path(), "metavar": "PATH"}
        verb = click.option(key.option, key.dotted.replace(".", "__"), help=key.doc, **kind)(verb)
    return click.option("--config", "file", type=click.Path(), metavar="FILE", help="Instead of ./edgebuild.toml.")(
        verb
    )


def console(options: dict[str, Any]) -> Console:
    """The console that the options of :func:`talk` ask for."""
    return Console(options.get("as_json", False), options.get("quiet", False), options.get("verbose", False))


def settings_file(options: dict[str, Any]) -> Path | None:
    """``--config``, or ``edgebuild.toml`` here, or None."""
    return Path(options["file"]) if options.get("file") else config.find(Path())


def overrides(options: dict[str, Any]) -> dict[str, Any]:
    """What options say, by dotted key."""
    found: dict[str, Any] = {}
    for key in KEYS:
        value = options.get(key.dotted.replace(".", "__"))
        if value:
            found[key.dotted] = list(value) if isinstance(value, tuple) else value
    return found


def request(options: dict[str, Any]) -> Config:
    """The build that the options and ``edgebuild.toml`` describe; its files are there.

    Raises:
        UsageError: something is unknown, wrong or missing.
    """
    file, given = settings_file(options), overrides(options)
    if file is None and "model.path" not in given:
        raise UsageError(
            "edgebuild.toml", "not found here, and no --model is given", "run edgebuild init, or give --model"
        )
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None and not epoch.isdecimal():
        raise UsageError("SOURCE_DATE_EPOCH", f"expected whole seconds, found '{epoch}'", "correct or unset it")
    build = config.load(file, given, allow_unsafe_model=options.get("allow_unsafe_model", False))
    config.check_files(build)
    _techniques.check(build)
    return build
