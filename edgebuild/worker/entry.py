"""The child's main: everything that happens becomes one line on the report pipe.

The exit status tells nothing new: 0 after ``done``, 1 after ``error``.  Anything else means that the process was
ended before it could report, which the parent words.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path

from edgebuild.worker import events
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job


def main() -> None:
    """Entry point of ``python -m edgebuild.worker``; by hand, without FD, the reports go to stdout."""
    job = Job.from_json(Path(sys.argv[1]).read_text())
    descriptor = int(sys.argv[2]) if len(sys.argv) > 2 else os.dup(1)
    os.set_inheritable(descriptor, False)  # a program started by the user's data function must not hold it open
    if len(sys.argv) > 2:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    os._exit(_work(job, descriptor))  # without TensorFlow's and the user's exit handlers, which may hang or crash


def _end_with_parent() -> None:
    """stdin is a pipe from the parent: it ends when the parent does, however that came about."""
    os.read(0, 1)
    os._exit(1)


def _work(job: Job, descriptor: int) -> int:
    def write(line: str) -> None:
        os.write(descriptor, line.encode() + b"\n")

    def report(progress: Progress, limit: float | None) -> None:
        write(events.stage(progress, limit))

    from edgebuild.worker import stages

    status = 1
    try:
        stages.run(job, report)
        write(events.done())
        status = 0
    except BaseException as error:
        traceback.print_exc()
        write(events.error(stages.failure(error)))
    sys.stdout.flush()
    sys.stderr.flush()
    return status
