"""What holds for every technique, without TensorFlow: settings are checked before anything slow begins."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgebuild import compress
from edgebuild.errors import UsageError

ROOT = Path(__file__).parents[2]


LEAST = {"distill": {"width": 0.5}}
"""What a technique cannot do without; the others need no setting."""


@pytest.mark.parametrize("name", compress.names())
def test_settings_have_defaults_and_help(name: str) -> None:
    technique = compress.find(name)
    assert dataclasses.is_dataclass(technique.Settings)
    least = LEAST.get(name, {})
    assert technique.Settings(**least) == compress.settings(name, least)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(technique.Settings(**least), dataclasses.fields(technique.Settings)[0].name, 1)
    for _, text in compress.defaults(name).values():
        assert text


@pytest.mark.parametrize("name", compress.names())
def test_an_unknown_setting_is_refused(name: str) -> None:
    known = next(iter(compress.defaults(name)))
    with pytest.raises(UsageError) as caught:
        compress.settings(name, {f"{known}x": 1})
    assert str(caught.value) == (
        f"compression step {name!r}: unknown setting '{known}x'\n  remedy: did you mean {known!r}?"
    )


@pytest.mark.parametrize("name", compress.names())
def test_finding_one_imports_no_tensorflow(name: str) -> None:
    code = (
        "import sys; from edgebuild import compress;"
        f"compress.settings({name!r}, {LEAST.get(name, {})!r});"
        "sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_an_unknown_technique() -> None:
    with pytest.raises(UsageError) as caught:
        compress.find("prun")
    assert str(caught.value) == ("compression step 'prun': there is no such technique\n  remedy: did you mean 'prune'?")


CHANGE = "change the setting"


@pytest.mark.parametrize(
    ("values", "place", "rule", "remedy"),
    [
        ({"sparsity": 1}, "", "sparsity must lie between 0 and 1, not 1", CHANGE),
        ({"sparsity": 0.0}, "", "sparsity must lie between 0 and 1, not 0", CHANGE),
        ({"sparsity": "half"}, ", sparsity", "'half' is not a number", CHANGE),
        ({"epochs": 1.5}, ", epochs", "1.5 is not a whole number", CHANGE),
        ({"epochs": True}, ", epochs", "True is not a whole number", CHANGE),
        ({"epochs": 0}, "", "epochs and batch_size must be at least 1", CHANGE),
        ({"learning_rate": 0}, "", "learning_rate must be positive, not 0", CHANGE),
        (
            {"schedule": "polynomal"},
            ", schedule",
            "'polynomal' is not one of polynomial, constant",
            "did you mean 'polynomial'?",
        ),
        ({"layers": "conv"}, ", layers", "'conv' is not a list", CHANGE),
        ({"layers": [1]}, ", layers", "1 is not text", CHANGE),
        ({"layers": []}, "", "layers names no layer", CHANGE),
        (
            {"pattern": "target", "dense_pattern": "4x4"},
            "",
            "pattern target says what becomes of Dense layers, so dense_pattern cannot",
            CHANGE,
        ),
        (
            {"pattern": "2:4", "dense_pattern": "4x4"},
            "",
            "dense_pattern goes with blocks and unstructured zeros, not with n:m",
            CHANGE,
        ),
        (
            {"zzz": 1},
            "",
            "unknown setting 'zzz'",
            "use one of sparsity, pattern, dense_pattern, schedule, epochs, batch_size, learning_rate, layers, "
            "distill, validation, patience",
        ),
    ],
)
def test_settings_of_prune(values: dict[str, Any], place: str, rule: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.settings("prune", values)
    assert str(caught.value) == f"compression step 'prune'{place}: {rule}\n  remedy: {remedy}"


def test_toml_values_become_python_values() -> None:
    found = compress.settings("prune", {"learning_rate": 1, "layers": ["a", "b"], "schedule": "constant"})
    assert (found.learning_rate, found.layers, found.schedule) == (1.0, ("a", "b"), "constant")
    assert isinstance(found.learning_rate, float)
