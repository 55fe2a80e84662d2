"""The commands that the README shows are run, and its configuration is read."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebuild import config
from tests import zoo

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def blocks(mark: str) -> list[str]:
    """Texts of the code blocks under ``<!-- mark -->``."""
    text = (ROOT / "README.md").read_text("utf-8")
    return [match["text"] for match in BLOCK.finditer(text) if match["mark"] == mark]


def commands(mark: str) -> Iterator[str]:
    """Lines that begin with a prompt, in those blocks."""
    for text in blocks(mark):
        for line in text.splitlines():
            if line.startswith("$ "):
                yield line[2:].split("  #")[0].strip()


def run(command: str, folder: Path) -> None:
    """As a user would: by the shell, with the command on the PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_run_here_or_is_make_demo() -> None:
    shown = re.findall(r"^\$ (.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    tested = [*commands("run: empty folder"), *commands("run: with keyword.tflite")]
    other = [line for line in shown if line.split("  #")[0].strip() not in tested]
    assert other == ["edgebuild --target cortex-m4 --model keyword.tflite", "make demo"]


def test_commands_that_need_nothing(tmp_path: Path) -> None:
    for command in commands("run: empty folder"):
        run(command, tmp_path)


@pytest.mark.slow
@pytest.mark.qemu
def test_commands_around_a_model(tmp_path: Path) -> None:
    shutil.copy(zoo.tflite("keyword_spotting"), tmp_path / "keyword.tflite")
    for command in commands("run: with keyword.tflite"):
        run(command, tmp_path)


def test_configuration(tmp_path: Path) -> None:
    (text,) = blocks("check: edgebuild.toml")
    tomllib.loads(text)
    file = tmp_path / "edgebuild.toml"
    file.write_text(text, "utf-8")
    build = config.load(file)
    assert build.for_target("nucleo-l4r5zi").budget.flash == 128 * 1024


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8")):
        assert (ROOT / target).exists(), target
