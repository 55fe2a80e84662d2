"""Quick verbs stay quick: what they import, not how long it takes."""

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = "numpy jinja2 tensorflow tf_keras keras tensorflow_model_optimization h5py tflite rich tqdm jsonschema scipy"

PROGRAM = """
import sys
from edgebuild import cli
status = cli.run(sys.argv[2:])
found = sorted(set(sys.argv[1].split()) & set(sys.modules))
print(status, *found, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("--help", ""),
        ("--version", ""),
        ("build --help", ""),
        ("targets", ""),
        ("targets show cortex-m4 --why", ""),
        ("schema", ""),
        ("completion bash", ""),
        ("init", ""),
        ("clean", ""),
        ("ops", "numpy"),
    ],
)
def test_what_a_verb_imports(tmp_path: Path, words: str, allowed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SLOW, *words.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    status, *found = done.stderr.splitlines()[-1].split()
    assert status == "0", done.stderr
    assert set(found) <= set(allowed.split())
