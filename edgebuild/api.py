"""The Python interface: :func:`build` does what the command does; notebooks and sweeps use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgebuild.pipeline.stages import Listener
    from edgebuild.reports.report import Report


def build(
    model: str | Path,
    target: str,
    output: str | Path = "build",
    *,
    config: str | Path | None = None,
    listener: Listener | None = None,
    use_cache: bool = True,
    **settings: Any,
) -> Report:
    """Build ``model`` for ``target``, prove it, and write the bundle to ``<output>/<target>/``.

    Args:
        config: an edgebuild.toml whose settings hold where nothing else is said.
        listener: is told about stages and progress.
        use_cache: False does every stage anew.
        settings: keys of edgebuild.toml with their dots written ``__``: ``data__calibration="c.npz"``,
            ``budget__flash=65536``, ``memory="least"``; relative paths start at the current folder.

    Raises:
        EdgebuildError: with place, rule, remedy and the exit code that the command would end with.
    """
    from edgebuild import config as configuration
    from edgebuild import pipeline

    given: dict[str, Any] = {key.replace("__", "."): value for key, value in settings.items()}
    given |= {"model.path": str(model), "targets": [target], "output": str(output)}
    settled = configuration.load(None if config is None else Path(config), given)
    configuration.check_files(settled)
    return pipeline.build(settled, settled.targets[0], listener, use_cache)
