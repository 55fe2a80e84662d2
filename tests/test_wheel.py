"""The wheel holds everything that the command needs away from the checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_data_and_licence_are_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("targets", "templates"):
        files = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"edgebuild/data/{file}" for file in files} <= names
    assert "edgebuild/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_an_installed_command_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    """Unpacked into an environment of its own, which borrows only what edgebuild depends on."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    import click

    (site / "borrowed.pth").write_text(str(Path(click.__file__).parents[1]))
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-P", "-c", "import edgebuild, sys; print(edgebuild.__file__); "
         "from edgebuild.cli import run; sys.exit(run(['targets', 'show', 'cortex-m4', '--why']))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert str(site / "edgebuild" / "data" / "targets" / "cortex-m4.toml") in done.stdout
