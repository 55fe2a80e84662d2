"""What the target's kernels skip reaches the pruner through the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import compress, config, kernels
from edgebuild.config import Config, Step
from edgebuild.pipeline.request import Request
from edgebuild.target import load


def asked(tmp_path: Path, target: str, **settings: object) -> dict[str, object]:
    """Settings of the step ``prune`` in a build for ``target``."""
    step = Step("prune", {"sparsity": 0.75, **settings})
    build = Config(tmp_path / "net.keras", "net", (target,), tmp_path, steps=(step,))
    return dict(Request.of(build, target).config.steps[0].settings)


@pytest.mark.parametrize(
    ("target", "patterns"),
    [
        ("cortex-m0plus", {"pattern": "1x4", "dense_pattern": "4x4"}),
        ("cortex-m3", {"pattern": "1x4", "dense_pattern": "4x4"}),
        ("cortex-m4", {"pattern": "2x4", "dense_pattern": "4x4"}),
        ("cortex-m55", {"pattern": "2x4/4", "dense_pattern": "8x4/4"}),
        ("rpi4", {"pattern": "unstructured"}),
        ("host", {"pattern": "unstructured"}),
    ],
)
def test_patterns_of_targets(tmp_path: Path, target: str, patterns: dict[str, str]) -> None:
    found = asked(tmp_path, target, pattern="target")
    assert found == {"sparsity": 0.75, **patterns}
    settings = compress.settings("prune", found)
    assert settings.share == 0.75


def test_a_pattern_that_is_named_stays(tmp_path: Path) -> None:
    assert asked(tmp_path, "cortex-m55", pattern="2x4") == {"sparsity": 0.75, "pattern": "2x4"}
    assert asked(tmp_path, "cortex-m55") == {"sparsity": 0.75}


@pytest.mark.parametrize("name", kernels.names())
def test_only_kernels_that_store_less_skip(name: str) -> None:
    variant = kernels.find(name)
    assert variant.compact or variant.skips == (0, 0)


@pytest.mark.parametrize("target", load.names())
def test_every_target_has_patterns(tmp_path: Path, target: str) -> None:
    compress.settings("prune", asked(tmp_path, target, pattern="target"))


def test_the_command_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "edgebuild.toml"
    steps = 'steps = [{ prune = { pattern = "target" } }]'
    file.write_text(f'targets = ["cortex-m4"]\n[model]\npath = "n.h5"\n[compress]\n{steps}\n')
    (step,) = config.load(file).steps
    assert compress.settings(step.technique, step.settings).share == 0.5
