"""The command: finds the verb, turns whatever happens into text and an exit code.

A verb is a file here whose ``command`` is a click command; it is imported when it is needed.
Only this package ends the process.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from edgebuild import __version__, registry
from edgebuild.cli.console import Console
from edgebuild.errors import EdgebuildError, ExitCode, ToolError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEFAULT_VERB = "build"
_NOT_VERBS = {"console"}
_OWN_OPTIONS = {"-h", "--help", "--version"}


class Verbs(click.Group):
    """A group whose verbs are the files of this folder; without a verb it builds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, from the names of the files."""
        return [name for name in registry.names(__name__) if name not in _NOT_VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with the first line of their files: importing all of them would be slow."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, _first_line(name)) for name in self.list_commands(ctx)])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``edgebuild --target T`` is ``edgebuild build --target T``."""
        if args and args[0] not in _OWN_OPTIONS and args[0].startswith("-"):
            args = [DEFAULT_VERB, *args]
        elif not args and not ctx.resilient_parsing:
            args = [DEFAULT_VERB]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown verb, with the nearest known one."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            from edgebuild.config.kinds import suggestion

            remedy = suggestion(args[0], self.list_commands(ctx), "verbs")
            raise UsageError("command line", f"there is no verb '{args[0]}'", remedy)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs and, because building is the default, the options of ``build``."""
        found = super().shell_complete(ctx, incomplete)
        build = self.get_command(ctx, DEFAULT_VERB)
        if incomplete.startswith("-") and build is not None:
            own = build.make_context(DEFAULT_VERB, [], resilient_parsing=True)
            have = {item.value for item in found}
            found += [item for item in build.shell_complete(own, incomplete) if item.value not in have]
        return found


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    options_metavar="",
    subcommand_metavar="[VERB] [OPTIONS]",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def command() -> None:
    """Turn a trained model into a blob that an emulator has proven.

    \b
    edgebuild --target cortex-m4                        builds what edgebuild.toml describes
    edgebuild --target cortex-m4 --model net.tflite     needs no edgebuild.toml
    edgebuild init                                      writes an edgebuild.toml to start from

    Without a verb edgebuild builds; `edgebuild build --help` lists the options.
    Exit codes: 0 done, 1 bug, 2 usage, 3 budget, 4 operator, 5 mismatch, 6 accuracy, 7 tool, 130 interrupt.
    """  # noqa: D301  click reads the \b


def _first_line(verb: str) -> str:
    """What the docstring of ``verb``'s file says behind the colon."""
    spec = importlib.util.find_spec(f"{__name__}.{verb}")
    if spec is None or spec.origin is None:
        return ""
    with Path(spec.origin).open(encoding="utf-8") as file:
        return file.readline().partition(": ")[2].strip().rstrip('."')


class Ended(KeyboardInterrupt):
    """The process was asked to end; what an interrupt cleans up is cleaned up."""


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8
    sys.exit(run(sys.argv[1:] if words is None else words))


def run(words: Sequence[str]) -> int:
    """Run the command; returns the exit code and has told every failure."""
    console = Console(as_json="--json" in words, verbose="-v" in words or "--verbose" in words)
    try:
        status: Any = command.main(list(words), prog_name="edgebuild", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        console.interrupted()
        return ExitCode.INTERRUPTED
    except Exception as error:  # every failure becomes text and a code
        failure = _failure(error)
        console.failure(failure)
        return failure.exit_code
    return int(status or 0)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise Ended


def _failure(error: Exception) -> EdgebuildError:
    """``error`` as one that names place, rule and remedy."""
    if isinstance(error, EdgebuildError):
        return error
    if isinstance(error, click.ClickException):
        ctx = error.ctx if isinstance(error, click.UsageError) else None
        path = ctx.command_path if ctx else "edgebuild"
        message = error.format_message().rstrip(".")
        return UsageError("command line", message[:1].lower() + message[1:], f"run {path} --help")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = str(error.filename or "disk")
        return ToolError(where, "no space left", "free some space; the old output is untouched")
    if isinstance(error, PermissionError) and error.filename is not None:
        return UsageError(str(error.filename), "permission denied", "choose a folder that you may write to")
    return _bug(error)


def _bug(error: Exception) -> EdgebuildError:
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    text = f"edgebuild {__version__}, Python {sys.version}\n{text}"
    remedy = "report it with the lines above"
    details: tuple[str, ...] = ()
    try:
        handle, name = tempfile.mkstemp(prefix="edgebuild-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        remedy = f"report it with the traceback in {Path(name)}"
    except OSError:
        details = tuple(text.splitlines())
    first = (str(error).splitlines() or [""])[0]
    return EdgebuildError("edgebuild", f"a bug in edgebuild: {type(error).__name__}: {first}", remedy, details)
