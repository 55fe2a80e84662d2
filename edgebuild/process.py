"""Runs programs: the only module that does.

A program that is missing, fails or does not come back becomes a :class:`~edgebuild.errors.ToolError`
with the line that installs it.  A child never outlives its time limit or an interrupt: the whole
process group is ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.errors import ToolError


@dataclass(frozen=True)
class Tool:
    """A program that a stage may need.

    Attributes:
        command: name on the PATH, or a path.
        package: Debian package that brings it.
        purpose: what edgebuild uses it for, as ``doctor`` prints it.
    """

    command: str
    package: str
    purpose: str

    @property
    def install(self) -> str:
        """The line that installs it on Debian and Ubuntu."""
        return f"apt-get install {self.package}"

    def path(self) -> str | None:
        """Where it is, or None."""
        return shutil.which(self.command)

    def require(self) -> str:
        """Where it is.

        Raises:
            ToolError: it is not installed.
        """
        found = self.path()
        if found is None:
            raise ToolError(self.command, f"not found; needed for {self.purpose}", self.install)
        return found


@dataclass(frozen=True)
class Completed:
    """What a program left behind: exit status and decoded output streams."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class TimedOut(Exception):
    """The program was ended because its time was up; carries what it had printed by then."""

    def __init__(self, argv: tuple[str, ...], seconds: float, stdout: str, stderr: str) -> None:
        super().__init__(argv, seconds)
        self.argv = argv
        self.seconds = seconds
        self.stdout = stdout
        self.stderr = stderr


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run ``argv`` and wait; whatever its exit status, return it.

    Args:
        timeout: seconds after which the process group is killed.
        env: variables laid over the current environment.

    Raises:
        ToolError: the program cannot be started.
        TimedOut: it did not end in time.
    """
    words = tuple(str(word) for word in argv)
    try:
        child = subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(words[0], f"cannot be started: {error.strerror}", "run edgebuild doctor") from error
    try:
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as expired:
        end(child)
        out, err = child.communicate()
        raise TimedOut(words, timeout, out, err) from expired
    except BaseException:
        end(child)
        child.communicate()
        raise
    return Completed(words, child.returncode, out, err)


def end(child: subprocess.Popen[str]) -> None:
    """Kill the process group of ``child``, which was started in a session of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def check(
    argv: Sequence[str | Path],
    *,
    tool: Tool,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run ``argv`` (whose program is ``tool``) and insist on exit status 0.

    Raises:
        ToolError: missing, timed out, or failed; the last lines of what it printed are the details.
    """
    tool.require()
    try:
        done = run(argv, timeout=timeout, cwd=cwd, env=env)
    except TimedOut as late:
        raise ToolError(
            tool.command,
            f"did not finish within {late.seconds:g} s",
            f"run it by hand: {' '.join(late.argv[:6])} …",
            tuple((late.stderr or late.stdout).splitlines()[-10:]),
        ) from late
    if done.status != 0:
        raise ToolError(
            tool.command,
            f"failed with status {done.status}",
            "run edgebuild doctor; if the tool is healthy, report this as a bug with the lines above",
            tuple((done.stderr or done.stdout).splitlines()[-20:]),
        )
    return done
