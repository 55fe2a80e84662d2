"""Compression steps as a target wants them: ``prune = { pattern = "target" }`` becomes what its kernels skip best."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgebuild.config import Config, Step

if TYPE_CHECKING:
    from edgebuild import kernels
    from edgebuild.target.profile import Profile

_TECHNIQUE, _PATTERN, _TARGET = "prune", "pattern", "target"


def of(config: Config, profile: Profile) -> Config:
    """``config`` with the patterns of ``profile`` in place of ``target``.

    Where a runtime computes every zero, single weights are pruned: that costs the least accuracy.
    """
    steps = tuple(_step(step, profile) for step in config.steps)
    return config if steps == config.steps else dataclasses.replace(config, steps=steps)


def _step(step: Step, profile: Profile) -> Step:
    if step.technique != _TECHNIQUE or step.settings.get(_PATTERN) != _TARGET:
        return step
    from edgebuild import kernels

    features = profile.cpu.features if profile.engine != "litert" else frozenset()
    convolutions, dense = (kernels.skipped(op, features) for op in ("conv_2d", "fully_connected"))
    patterns = {_PATTERN: _name(convolutions)}
    if dense != convolutions:
        patterns["dense_pattern"] = _name(dense)
    return Step(step.technique, {**step.settings, **patterns})


def _name(block: kernels.Skipped) -> str:
    outputs, inputs, at_once = block
    if outputs * inputs <= 1:
        return "unstructured"
    return f"{outputs}x{inputs}/{at_once}" if at_once > 1 else f"{outputs}x{inputs}"
