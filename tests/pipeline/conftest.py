"""A cache of the session's own: what one test built, the next may use; nothing of the user's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import config
from edgebuild.config import Config


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session keeps stage results."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of this folder uses the session's cache."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(session_cache))


def settings(model: Path, output: Path, target: str, **more: object) -> Config:
    """A build as the command would describe it; keys with dots replaced by ``__``."""
    given: dict[str, object] = {"model.path": str(model), "targets": [target], "output": str(output)}
    given |= {key.replace("__", "."): value for key, value in more.items()}
    return config.load(None, given)
