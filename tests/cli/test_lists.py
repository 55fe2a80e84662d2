"""``targets``, ``ops`` and ``doctor``."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild import ops
from edgebuild.cli import doctor
from edgebuild.process import Tool
from edgebuild.target import load
from tests.conftest import Outcome

Run = Callable[..., Outcome]


def test_targets_lists_every_one(edgebuild: Run) -> None:
    text = edgebuild("targets").out
    names = [entry["name"] for entry in edgebuild("targets", "--json").object["targets"]]
    assert names == list(load.names())
    assert all(f"\n{name} " in text for name in names)


def test_targets_show(edgebuild: Run) -> None:
    why = edgebuild("targets", "show", "nucleo-l4r5zi", "--why").out
    assert "_cortex-m.toml" in why
    assert "nucleo-l4r5zi.toml" in why
    assert "_cortex-m.toml" not in edgebuild("targets", "show", "nucleo-l4r5zi").out
    values = edgebuild("targets", "show", "cortex-m4", "--json").object["values"]
    assert {"key", "value", "place"} == set(values[0])


def test_targets_of_the_users_own(here: Path, edgebuild: Run) -> None:
    (here / "targets").mkdir()
    (here / "targets" / "mine.toml").write_text('inherits = "cortex-m4"\ntitle = "My board"\n')
    assert "My board" in edgebuild("targets").out


def test_an_unknown_target(edgebuild: Run) -> None:
    done = edgebuild("targets", "show", "cortex-m5")
    assert done.status == 2
    assert "did you mean" in done.err


def test_ops_lists_every_one(edgebuild: Run) -> None:
    listed = edgebuild("ops", "--json").object["operators"]
    assert tuple(listed) == ops.names()
    text = edgebuild("ops").out
    assert all(op["tflite"] in text for op in listed.values())


def test_ops_shows_rules(edgebuild: Run) -> None:
    assert "rule    The batch must be 1\n" in edgebuild("ops", "CONV_2D").out


def test_ops_for_a_target(edgebuild: Run) -> None:
    listed = edgebuild("ops", "--target", "cortex-m0plus", "--json").object["operators"]
    assert all(op["supported"] for op in listed.values())
    assert all(set(kernel["features"]) <= {"thumb"} for op in listed.values() for kernel in op["kernels"])


MISSING = Tool("no-such-gcc", "gcc-arm", "compiling")
PRESENT = Tool("sh", "dash", "being there")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {MISSING: {("toolchains", "gcc_arm")}, PRESENT: {("toolchains", "host")}}
    monkeypatch.setattr(doctor, "programs", lambda: used)


def test_doctor_names_what_is_missing(edgebuild: Run, tools: None) -> None:
    done = edgebuild("doctor")
    assert done.status == 7
    assert "MISSING  no-such-gcc" in done.out
    assert done.err == (
        "error: doctor: cortex-m4 cannot be built without no-such-gcc\n  remedy: apt-get install gcc-arm\n"
    )


def test_doctor_only_insists_on_what_the_target_needs(edgebuild: Run, tools: None) -> None:
    done = edgebuild("doctor", "--target", "host", "--json")
    assert done.status == 0
    assert done.object["ok"] is True
    found = {entry["name"]: entry for entry in done.object["tools"]}
    assert found["no-such-gcc"]["version"] is None
    assert found["no-such-gcc"]["needed"] is False
    assert found["sh"]["version"] is not None
    assert found["numpy"]["version"]


def test_install_lines_are_joined() -> None:
    lines = ("apt-get install a", "pip install x", "apt-get install b a", "apt-get install a")
    assert doctor.together(lines) == "apt-get install a b; pip install x"


def test_doctor_knows_the_packages_that_edgebuild_requires() -> None:
    import re
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = project["dependencies"] + extras["tensorflow"] + extras["litert"]
    names = {re.split(r"[<>=;\s]", line, maxsplit=1)[0] for line in declared}
    assert {package.name for package in doctor.PACKAGES} == names - {"ml_dtypes"}
