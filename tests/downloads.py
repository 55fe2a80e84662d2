"""What boards need of the network lies in the user's cache: fetched once, and shared by the caches of all tests."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = ("downloads", "linux")
"""Stages whose results are downloads; where they lie does not change what they are."""


def share(cache: Path) -> Path:
    """Make ``cache`` keep its downloads in the user's cache; ``cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for stage in SHARED:
        kept = Path(base) / "edgebuild" / stage
        kept.mkdir(parents=True, exist_ok=True)
        if not (cache / stage).exists():
            (cache / stage).symlink_to(kept)
    return cache
