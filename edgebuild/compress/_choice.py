"""Which layers a step works on: the ones that the user names, or those that are worth it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any


def chosen(
    model: Any,
    wanted: tuple[str, ...] | str | None,
    able: Callable[[Any], bool],
    *,
    step: str,
    unable: str,
    spare: bool = True,
    setting: str = "layers",
    done: str = "",
) -> frozenset[str]:
    """Names of the layers to work on.

    Args:
        wanted: names; ``auto``: all; None: all, without the first convolution and the classifier if ``spare``.
        able: whether the technique can work on a layer.
        step: the technique's name.
        unable: what is wrong with a ``{layer}`` on which it cannot, as a sentence.
        setting: where names are given.
        done: what is done to a layer, for messages; empty: the step's name as a participle.

    Raises:
        UsageError: a named layer is unknown or cannot be worked on, or nothing is left.
    """
    from edgebuild.compress import _fine_tune
    from edgebuild.errors import UsageError

    place = f"compression step {step!r}"
    layers = {layer.name: layer for layer in _fine_tune.layers(model)}
    fit = [name for name, layer in layers.items() if able(layer)]
    if wanted is None or wanted == "auto":
        convolutions = [name for name in fit if "Conv" in type(layers[name]).__name__]
        spared = {*convolutions[:1], *fit[-1:]} if wanted is None and spare else set()
        left = [name for name in fit if name not in spared]
        if not left:
            what = f"nothing to {step}" if setting == "layers" else f"nothing for {setting}"
            reason = "the first convolution and the classifier are spared, and " if spared else ""
            raise UsageError(
                place,
                f"{what}: {reason}the model has no {'other ' if spared else ''}layer that can be {done or f'{step}d'}",
                f"name the layers: {setting} = {fit}" if fit else "remove the step",
            )
        return frozenset(left)
    for name in wanted:
        if name not in layers:
            close = difflib.get_close_matches(name, layers, 1)
            raise UsageError(
                place,
                f"the model has no layer {name!r}",
                f"did you mean {close[0]!r}?" if close else f"use some of {', '.join(fit)}",
            )
        if name not in fit:
            raise UsageError(
                place,
                unable.format(layer=f"layer {name!r} ({type(layers[name]).__name__})"),
                f"use some of {', '.join(fit)}",
            )
    return frozenset(wanted)
