"""What the model behind each compression step takes on its target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from edgebuild.artifacts import CompressionStep
from edgebuild.config import Budget
from edgebuild.errors import BudgetError, ToolError, UnsupportedError, UsageError
from edgebuild.pipeline import _figures, device
from edgebuild.pipeline.model import Model, deployed
from edgebuild.pipeline.request import Request
from edgebuild.pipeline.stages import Stages


def measured(model: Model, final: _figures.Figures, request: Request, stages: Stages) -> tuple[CompressionStep, ...]:
    """``model.compression`` with ``flash``, ``ram`` and ``instructions`` before and behind each step.

    A model that does not fit the target, that it cannot run, or that takes too long in the emulator, has the reason in
    their place, as ``unmeasured``.

    Args:
        final: figures behind the last step.
    """
    if not model.between:
        return model.compression
    behind = [_taken(content, request, stages) for content in model.between] + [vars(final)]
    last = len(behind) - 1  # also what the conversion begins with
    return tuple(
        dataclasses.replace(
            step,
            before={**step.before, **behind[min(number, last)]},
            after={**step.after, **behind[number + 1]} if number < last else step.after,
        )
        for number, step in enumerate(model.compression)
    )


def _taken(content: bytes | None, request: Request, stages: Stages) -> Mapping[str, Any]:
    """Figures of a ``.tflite``; nothing of one that could not be converted, whose reason the worker told."""
    if content is None:
        return {}
    # what is too large for the user's budget has a size all the same
    unbounded = dataclasses.replace(request, config=dataclasses.replace(request.config, budget=Budget()))
    try:
        _, graph = deployed(content, unbounded, str(request.config.model))
        return vars(_figures.measured(device.lower(graph, unbounded), unbounded, stages))
    except (BudgetError, ToolError, UnsupportedError, UsageError) as error:
        return {"unmeasured": error.rule}
