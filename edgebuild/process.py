"""Runs programs: the only module that does.

A program that is missing, fails or does not come back becomes a :class:`~edgebuild.errors.ToolError`
with the line that installs it.  A child never outlives its time limit or an interrupt: the whole
process group is ended.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
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


def environment_of_child() -> dict[str, str]:
    """Variables for a Python child that imports edgebuild: from a checkout that is not installed, where it lies."""
    root = Path(__file__).resolve().parents[1]
    if root.name in ("site-packages", "dist-packages"):
        return {}
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {"PYTHONPATH": os.pathsep.join([*inherited, str(root)])}


def follow(
    argv: Sequence[str | Path],
    *,
    on_line: Callable[[str], float | None],
    timeout: float,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run ``argv`` and hand over the lines it writes to its report pipe, as they come.

    The file descriptor of that pipe is appended to ``argv`` as its last word.  What the program prints goes
    to ``log``.  Its stdin is a pipe that ends when we do, so that it can notice and end as well.

    Args:
        on_line: called with each line; the seconds that it returns, if any, are the new time limit from then on.
        timeout: seconds until the first such limit.
        env: variables laid over the current environment.

    Returns:
        the exit status; ``-N`` when signal N ended it.

    Raises:
        ToolError: the program cannot be started.
        TimedOut: it did not end in time; the process group was killed.
    """
    read_end, write_end = os.pipe()
    words = (*(str(word) for word in argv), str(write_end))
    with os.fdopen(read_end, "rb", buffering=0) as reports, log.open("wb") as printed:
        try:
            child = subprocess.Popen(
                words,
                env={**os.environ, **env} if env else None,
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                text=True,
            )
        except OSError as error:
            raise ToolError(words[0], f"cannot be started: {error.strerror}", "run edgebuild doctor") from error
        finally:
            os.close(write_end)
        try:
            return _follow(child, words, reports, on_line, timeout)
        finally:
            end(child)
            child.wait()
            assert child.stdin is not None
            child.stdin.close()


def _follow(
    child: subprocess.Popen[str],
    words: tuple[str, ...],
    reports: io.RawIOBase | io.FileIO,
    on_line: Callable[[str], float | None],
    timeout: float,
) -> int:
    """Read lines until the pipe ends or the program does, whichever is first; see :func:`follow`."""
    os.set_blocking(reports.fileno(), False)
    deadline = time.monotonic() + timeout
    rest = b""
    while True:
        ended = child.poll() is not None
        ready, _, _ = select.select([reports], [], [], 0 if ended else 0.1)
        chunk = reports.read(1 << 16) if ready else None
        *lines, rest = (rest + (chunk or b"")).split(b"\n")
        for line in lines:
            limit = on_line(line.decode(errors="replace"))
            if limit is not None:
                timeout, deadline = limit, time.monotonic() + limit
        if ended and not chunk:
            return child.returncode
        if chunk == b"":  # the program closed the pipe and is about to end
            time.sleep(0.01)
        if time.monotonic() > deadline:
            raise TimedOut(words, timeout, "", "")


def end(child: subprocess.Popen[str]) -> None:
    """Kill the process group of ``child``, which was started in a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


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
