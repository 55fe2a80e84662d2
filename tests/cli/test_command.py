"""The command as a whole: verbs, failures, exit codes, completion."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild import __version__, cli, errors, registry
from tests.conftest import Outcome

Run = Callable[..., Outcome]


def test_help_lists_every_verb(edgebuild: Run) -> None:
    done = edgebuild("--help")
    assert done.status == 0
    assert "\n  edgebuild init    " in done.out
    assert "\n  clean       removes what a build wrote, and nothing else\n" in done.out
    for verb in cli.command.list_commands(None):  # type: ignore[arg-type]
        assert f"  {verb} " in done.out


def test_every_file_here_is_a_verb_with_help(edgebuild: Run) -> None:
    verbs = set(registry.names("edgebuild.cli")) - {"console"}
    expected = "build check clean completion doctor init inspect ops schema targets"
    assert verbs >= set(expected.split())
    for verb in verbs:
        done = edgebuild(verb, "-h")
        assert done.status == 0
        assert done.out.startswith(f"Usage: edgebuild {verb}")


def test_version(edgebuild: Run) -> None:
    assert edgebuild("--version").out == f"edgebuild {__version__}\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["biuld"],
            "error: command line: there is no verb 'biuld'\n  remedy: did you mean 'build'?\n",
        ),
        (
            ["inspect"],
            "error: command line: missing argument 'MODEL'\n  remedy: run edgebuild inspect --help\n",
        ),
        (
            [],
            "error: edgebuild.toml: not found here, and no --model is given\n"
            "  remedy: run edgebuild init, or give --model\n",
        ),
        (
            ["--model", "x.tflite"],
            "error: command line: no targets is given\n  remedy: set targets in edgebuild.toml, or give --target\n",
        ),
        (
            ["--model", "x.tflite", "--target", "host"],
            "error: command line: no such model: x.tflite\n  remedy: correct model.path or --model\n",
        ),
        (
            ["--model", "x.tflite", "--target", "host", "--training", "x.csv"],
            'error: --training: expected "file.npz", "folder/" with x.npy and y.npy, or "file.py:function", '
            "found 'x.csv'\n"
            '  remedy: write "file.npz", "folder/" with x.npy and y.npy, or "file.py:function"\n',
        ),
        (
            ["--config", "other.toml"],
            "error: other.toml: cannot be read: no such file or directory\n  remedy: give an edgebuild.toml\n",
        ),
        (
            ["ops", "conv2d"],
            "error: command line: there is no operator 'conv2d'\n  remedy: did you mean 'conv_2d'?\n",
        ),
    ],
)
def test_texts(here: Path, edgebuild: Run, words: list[str], text: str) -> None:
    done = edgebuild(*words)
    assert (done.status, done.err, done.out) == (2, text, "")


def test_an_unknown_option_is_usage(edgebuild: Run) -> None:
    done = edgebuild("build", "--taget", "x")
    assert done.status == 2
    assert done.err.startswith("error: command line: no such option")
    assert "--target" in done.err
    assert done.err.endswith("  remedy: run edgebuild build --help\n")


def test_settings_of_a_step_are_checked_with_their_line(here: Path, edgebuild: Run) -> None:
    (here / "net.h5").touch()
    (here / "data.npz").touch()
    (here / "edgebuild.toml").write_text(
        'targets = ["host"]\n[model]\npath = "net.h5"\n[data]\ncalibration = "data.npz"\n'
        "[compress]\nsteps = [\n  { prune = { sparcity = 0.5 } },\n]\n"
    )
    done = edgebuild()
    assert done.status == 2
    assert done.err == (
        "error: edgebuild.toml:8: compression step 'prune': unknown setting 'sparcity'\n"
        "  remedy: did you mean 'sparsity'?\n"
    )


def test_source_date_epoch_must_be_a_number(here: Path, edgebuild: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    done = edgebuild("--model", "x.tflite", "--target", "host")
    assert done.status == 2
    assert done.err == (
        "error: SOURCE_DATE_EPOCH: expected whole seconds, found 'yesterday'\n  remedy: correct or unset it\n"
    )


def test_a_failure_is_one_object_too(here: Path, edgebuild: Run) -> None:
    done = edgebuild("--json")
    assert done.object == {
        "schema_version": 1,
        "error": {
            "exit_code": 2,
            "place": "edgebuild.toml",
            "rule": "not found here, and no --model is given",
            "remedy": "run edgebuild init, or give --model",
            "details": [],
        },
    }


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the verb ``schema`` end with ``error``."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("edgebuild.config.render.json_schema", fail)


def test_a_bug_leaves_a_traceback_in_a_file(edgebuild: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(monkeypatch, ValueError("surprise\nsecond line"))
    done = edgebuild("schema")
    assert done.status == 1
    (file,) = tmp_path.glob("edgebuild-bug-*.txt")
    assert done.err == (
        "error: edgebuild: a bug in edgebuild: ValueError: surprise\n"
        f"  remedy: report it with the traceback in {file}\n"
    )
    text = file.read_text()
    assert __version__ in text
    assert "Traceback" in text
    assert "second line" in text


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/x"),
            7,
            "error: /out/x: no space left\n  remedy: free some space; the old output is untouched\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/out"),
            2,
            "error: /out: permission denied\n  remedy: choose a folder that you may write to\n",
        ),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
        (cli.Ended(), 130, "\ninterrupted\n"),
    ],
)
def test_other_failures(
    edgebuild: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, text: str
) -> None:
    failing(monkeypatch, error)
    done = edgebuild("schema")
    assert (done.status, done.err) == (status, text)


@pytest.mark.parametrize("kind", errors.EdgebuildError.__subclasses__())
def test_every_failure_has_its_code_and_shows_its_details(
    edgebuild: Run, monkeypatch: pytest.MonkeyPatch, kind: type[errors.EdgebuildError]
) -> None:
    failing(monkeypatch, kind("place", "rule", "remedy", ("one", "two")))
    done = edgebuild("schema")
    assert done.status == kind.exit_code
    assert done.err == "error: place: rule\n  one\n  two\n  remedy: remedy\n"


def test_exit_codes_are_documented_and_never_renumbered() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()
    for code in errors.ExitCode:
        assert f"| {code.value} | `{code.name}` |" in page
    codes = {"OK": 0, "BUG": 1, "USAGE": 2, "BUDGET": 3, "UNSUPPORTED": 4, "MISMATCH": 5, "ACCURACY": 6, "TOOL": 7}
    assert {code.name: code.value for code in errors.ExitCode} == {**codes, "INTERRUPTED": 130}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(edgebuild: Run, shell: str) -> None:
    done = edgebuild("completion", shell)
    assert done.status == 0
    assert "_EDGEBUILD_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("edgebuild do", "doctor"),
        ("edgebuild --tar", "--target"),
        ("edgebuild --target cortex-m0", "cortex-m0plus"),
        ("edgebuild build --target nucleo", "nucleo-l4r5zi"),
        ("edgebuild targets show pico", "pico2"),
    ],
)
def test_completion(line: str, word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgebuild"],
        env={
            **os.environ,
            "_EDGEBUILD_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert word in done.stdout, done.stderr


def test_schema_prints_json(edgebuild: Run) -> None:
    schema = json.loads(edgebuild("schema").out)
    step = schema["properties"]["compress"]["properties"]["steps"]["items"]
    assert step["properties"]["prune"]["properties"]["sparsity"]["type"] == "number"
