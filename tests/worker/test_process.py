"""The worker's life: whatever happens to it becomes one clear error.  These jobs only read data: no TensorFlow."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild.config import DataSource
from edgebuild.errors import EdgebuildError, ExitCode, ToolError, UsageError
from edgebuild.worker import client
from edgebuild.worker.client import Evaluation
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job, Limits

ROOT = Path(__file__).parents[2]

Read = Callable[..., Evaluation]


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """A job that reads evaluation data with the given function body."""

    def make(body: str, *, data_limit: float = 900, samples: int = 500) -> Job:
        file = tmp_path / "data.py"
        file.write_text("import numpy as np\n\n\ndef samples():\n" + textwrap.indent(textwrap.dedent(body), "    "))
        out = tmp_path / "out"
        out.mkdir()
        source = DataSource("python", file, "samples")
        model = tmp_path / "model.tflite"
        return Job(
            model,
            out,
            evaluation=source,
            inputs=(("x", (1, 2)),),
            limits=Limits(data=data_limit),
            evaluation_samples=samples,
        )

    return make


def test_only_the_first_samples_are_kept(job: Callable[..., Job]) -> None:
    found = client.read_evaluation(job("return np.arange(20).reshape(10, 2), np.arange(10) % 3", samples=4))
    assert found is not None
    assert found.labels is not None
    inputs = np.load(found.inputs[0])
    assert inputs.dtype == np.float32
    assert inputs.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert np.load(found.labels).tolist() == [0, 1, 2, 0]


def test_data_without_labels(job: Callable[..., Job]) -> None:
    found = client.read_evaluation(job("return np.ones((3, 2))"))
    assert found is not None
    assert found.labels is None


def test_no_evaluation_data_starts_no_process(tmp_path: Path) -> None:
    assert client.read_evaluation(Job(tmp_path / "model.tflite", tmp_path / "absent", inputs=(("x", (1, 2)),))) is None


def test_what_the_users_code_prints_does_not_disturb(job: Callable[..., Job]) -> None:
    seen: list[Progress] = []
    asked = job('print(\'{"event": "done"}\')\nimport os\nos.write(2, b"noise")\nreturn np.ones((3, 2))')
    assert client.read_evaluation(asked, seen.append) is not None
    assert [(p.stage, p.text) for p in seen] == [("data", "reading evaluation data")]
    log = (asked.out / "worker.log").read_text()
    assert '{"event": "done"}' in log
    assert "noise" in log


def test_files_that_the_users_code_read_are_noted(job: Callable[..., Job], tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 1\n")
    (tmp_path / "table.txt").write_text("1 2\n")
    asked = job(
        f"""
        import beside
        with open({str(tmp_path / "written.txt")!r}, "w") as file:
            file.write("x")
        return np.loadtxt({str(tmp_path / "table.txt")!r}).reshape(1, 2)
        """
    )
    client.read_evaluation(asked)
    noted = json.loads((asked.out / "files_read.json").read_text())
    assert {Path(path).name for path in noted} == {"data.py", "beside.py", "table.txt"}
    assert noted[str(tmp_path / "table.txt")] == hashlib.sha256(b"1 2\n").hexdigest()
    assert not list(tmp_path.rglob("__pycache__"))


def failure(asked: Job) -> EdgebuildError:
    with pytest.raises(EdgebuildError) as caught:
        client.read_evaluation(asked)
    return caught.value


def test_an_error_keeps_its_class_and_words(job: Callable[..., Job]) -> None:
    error = failure(job("size = 3\nraise ValueError(f'no {size} of them')"))
    assert type(error) is UsageError
    assert error.place.endswith("data.py:samples")
    assert error.rule == "raised ValueError: no 3 of them"
    assert error.remedy == "mend the function"
    assert error.details == ("data.py:6: raise ValueError(f'no {size} of them')",)


def test_leaving_by_sys_exit_is_an_error_of_the_users(job: Callable[..., Job]) -> None:
    error = failure(job("import sys\nsys.exit(0)"))
    assert (type(error), error.rule) == (UsageError, "raised SystemExit: 0")


def test_killed_for_memory(job: Callable[..., Job]) -> None:
    error = failure(job("import os\nprint('so far')\nimport sys; sys.stdout.flush()\nos.kill(os.getpid(), 9)"))
    assert type(error) is ToolError
    assert str(error) == (
        "the worker process: was killed during 'reading evaluation data', probably because the machine ran out of "
        "memory\n  so far\n  remedy: give it more memory, or use a smaller model or fewer samples"
    )


def test_out_of_memory_in_python(job: Callable[..., Job]) -> None:
    error = failure(job("raise MemoryError"))
    assert str(error) == "the worker process: ran out of memory\n  remedy: give it more memory, or fewer samples"
    assert type(error) is ToolError


def test_a_segfault_names_the_stage(job: Callable[..., Job]) -> None:
    error = failure(job("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"))
    assert type(error) is ToolError
    assert error.rule == "crashed with SIGSEGV during 'reading evaluation data'"


def test_ending_without_a_report_is_a_bug(job: Callable[..., Job]) -> None:
    asked = job("import os\nos._exit(3)")
    error = failure(asked)
    assert error.exit_code == ExitCode.BUG
    assert error.rule == "ended with status 3 during 'reading evaluation data' without a report"
    assert error.remedy == f"report this as a bug with {asked.out / 'worker.log'}"


def test_an_unexpected_exception_is_a_bug_and_the_log_has_the_traceback(job: Callable[..., Job]) -> None:
    many: Any = "many"
    asked = dataclasses.replace(job("return np.ones((1, 2))"), evaluation_samples=many)
    error = failure(asked)
    assert error.exit_code == ExitCode.BUG
    assert error.place == "the worker process"
    assert error.rule.startswith("failed unexpectedly with TypeError: slice indices must be integers")
    assert error.remedy == f"report this as a bug with {asked.out / 'worker.log'}"
    assert "Traceback" in (asked.out / "worker.log").read_text()


def test_a_hang_ends_with_its_children(job: Callable[..., Job], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    body = f"""
        import subprocess
        child = subprocess.Popen(["sleep", "1000"])
        open({str(pid_file)!r}, "w").write(str(child.pid))
        child.wait()
        """
    error = failure(job(body, data_limit=3))
    assert type(error) is ToolError
    assert error.rule == "did not finish 'reading evaluation data' within 3 s"
    assert ended(int(pid_file.read_text()))


def test_an_interrupt_ends_the_worker(job: Callable[..., Job], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    asked = job(f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)")

    def interrupt(progress: Progress) -> None:
        until(lambda: noted(pid_file))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.read_evaluation(asked, interrupt)
    assert ended(int(pid_file.read_text()))


def test_the_worker_ends_when_its_parent_is_killed(job: Callable[..., Job], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    asked = job(f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)")
    asked_file = tmp_path / "asked.json"
    asked_file.write_text(asked.to_json())
    script = (
        "import pathlib, sys\nfrom edgebuild.worker import client, job\n"
        "client.read_evaluation(job.Job.from_json(pathlib.Path(sys.argv[1]).read_text()))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(asked_file)], cwd=ROOT)
    until(lambda: noted(pid_file))
    parent.kill()
    parent.wait()
    assert ended(int(pid_file.read_text()))


def noted(pid_file: Path) -> bool:
    """Whether the child has written its number; the file is there a moment earlier."""
    return pid_file.exists() and bool(pid_file.read_text())


def until(condition: Callable[[], bool]) -> bool:
    """Wait for ``condition``, for a minute at most; whether it came."""
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def ended(pid: int) -> bool:
    """Whether process ``pid`` ends: it is gone, or only waits to be reaped."""

    def gone() -> bool:
        try:
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (ProcessLookupError, FileNotFoundError):
            return True

    return until(gone)


@pytest.mark.parametrize(("package", "needed"), [("tensorflow", "legacy.h5"), ("h5py", "legacy.h5")])
@pytest.mark.tensorflow
def test_a_missing_package(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, needed: str
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module', name={package!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    data = DataSource("npz", models / "legacy_data.npz")
    with pytest.raises(ToolError) as caught:
        client.convert(Job(models / needed, tmp_path, calibration=data))
    purpose = {"tensorflow": "load, compress and convert models", "h5py": "read Keras models"}[package]
    assert str(caught.value) == (
        f"{package}: not installed; needed to {purpose}\n  remedy: pip install 'edgebuild[tensorflow]'"
    )


def test_the_parent_imports_nothing_heavy() -> None:
    code = "import sys, edgebuild.worker.client; print(*sorted(set(sys.modules) & {'numpy', 'tensorflow', 'keras'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == ""
